"""Emotion words: one spelling for each, and what each corpus' codes mean.

In: a code or folder name that `corpora/` parsed. Out: the label of an `Utterance`, lower-case English.
The same emotion has the same word in every corpus, so that results and pooled sets can be compared.
"""

from collections.abc import Iterable, Mapping

from emotion2vec.errors import CorpusError

# The order is that of a corpus' label set and counts; the probe's is alphabetical unless the protocol says another.
EMOTIONS = (
    "angry",
    "happy",
    "neutral",
    "sad",
    "fear",
    "disgust",
    "surprise",
    "calm",
    "boredom",
    "contempt",
    "excited",
    "frustrated",
    "enthusiasm",
    "other",
)

# corpus -> its code -> label
CODES: Mapping[str, Mapping[str, str]] = {
    "urdu": {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"},
    "ravdess_speech": {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fear",
        "07": "disgust",
        "08": "surprise",
    },
    "emodb": {
        "W": "angry",
        "L": "boredom",
        "E": "disgust",
        "A": "fear",
        "F": "happy",
        "N": "neutral",
        "T": "sad",
    },
}


def sort_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return each label once, known emotions in the order of `EMOTIONS`, others after them by name.

    >>> sort_labels(["sad", "zeal", "angry", "sad"])
    ('angry', 'sad', 'zeal')
    """
    known = {label: index for index, label in enumerate(EMOTIONS)}
    return tuple(sorted(set(labels), key=lambda label: (known.get(label, len(known)), label)))


def label_set(corpus: str) -> tuple[str, ...]:
    """Return the labels that a corpus uses.

    >>> label_set("urdu")
    ('angry', 'happy', 'neutral', 'sad')
    """
    return sort_labels(CODES[corpus].values())


def decode_label(corpus: str, code: str, *, source: str) -> str:
    """Translate a corpus' code.

    Args:
        corpus: Name of the corpus.
        code: What its file or table says.
        source: File that says so, for the error.

    Raises:
        CorpusError: The code is not one of the corpus' codes.

    >>> decode_label("emodb", "W", source="wav/03a01Wa.wav")
    'angry'
    """
    codes = CODES[corpus]
    if code not in codes:
        raise CorpusError(
            f"{source}: label code {code!r} is not one of {corpus}'s {sorted(codes)}; "
            "rename the file or add the code in emotion2vec/data/labels.py"
        )
    return codes[code]
