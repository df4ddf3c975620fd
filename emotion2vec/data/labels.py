"""Emotion words: one spelling for each, and what each corpus' codes mean.

In: a code or folder name that `corpora/` parsed. Out: the label of an `Utterance`, lower-case English.
The same emotion has the same word in every corpus, so that results and pooled sets can be compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
    "negative",
    "positive",
    "highly_negative",
    "weakly_negative",
    "weakly_positive",
    "highly_positive",
    "other",
    "no_agreement",
)

_RAVDESS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_SENTIMENT = {"-1": "negative", "0": "neutral", "1": "positive"}

# corpus -> its code -> label
CODES: Mapping[str, Mapping[str, str]] = {
    "aesdd": {
        "anger": "angry",
        "disgust": "disgust",
        "fear": "fear",
        "happiness": "happy",
        "sadness": "sad",
    },
    "cafe": {
        "C": "angry",
        "D": "disgust",
        "J": "happy",
        "N": "neutral",
        "P": "fear",
        "S": "surprise",
        "T": "sad",
    },
    # sign of the sentiment score
    "cmu_mosei": _SENTIMENT,
    "cmu_mosi": _SENTIMENT,
    "emodb": {
        "W": "angry",
        "L": "boredom",
        "E": "disgust",
        "A": "fear",
        "F": "happy",
        "N": "neutral",
        "T": "sad",
    },
    "emovo": {
        "dis": "disgust",
        "gio": "happy",
        "neu": "neutral",
        "pau": "fear",
        "rab": "angry",
        "sor": "surprise",
        "tri": "sad",
    },
    "iemocap": {
        "ang": "angry",
        "hap": "happy",
        "exc": "excited",
        "sad": "sad",
        "neu": "neutral",
        "fru": "frustrated",
        "sur": "surprise",
        "fea": "fear",
        "dis": "disgust",
        "oth": "other",
        "xxx": "no_agreement",
    },
    "m3ed": {
        "Anger": "angry",
        "Disgust": "disgust",
        "Fear": "fear",
        "Happy": "happy",
        "Neutral": "neutral",
        "Sad": "sad",
        "Surprise": "surprise",
    },
    "mead": {
        "angry": "angry",
        "contempt": "contempt",
        "disgusted": "disgust",
        "fear": "fear",
        "happy": "happy",
        "neutral": "neutral",
        "sad": "sad",
        "surprised": "surprise",
    },
    "meld": {
        "anger": "angry",
        "disgust": "disgust",
        "fear": "fear",
        "joy": "happy",
        "neutral": "neutral",
        "sadness": "sad",
        "surprise": "surprise",
    },
    "msp_podcast": {
        "A": "angry",
        "S": "sad",
        "H": "happy",
        "U": "surprise",
        "F": "fear",
        "D": "disgust",
        "C": "contempt",
        "N": "neutral",
        "O": "other",
        "X": "no_agreement",
    },
    # statement's own emotion, by its first letter
    "resd": {
        "a": "angry",
        "d": "disgust",
        "e": "enthusiasm",
        "f": "fear",
        "h": "happy",
        "n": "neutral",
        "s": "sad",
    },
    "ravdess_song": {code: _RAVDESS[code] for code in ("01", "02", "03", "04", "05", "06")},
    "ravdess_speech": _RAVDESS,
    "savee": {
        "a": "angry",
        "d": "disgust",
        "f": "fear",
        "h": "happy",
        "n": "neutral",
        "sa": "sad",
        "su": "surprise",
    },
    "shemo": {
        "A": "angry",
        "F": "fear",
        "H": "happy",
        "N": "neutral",
        "S": "sad",
        "W": "surprise",
    },
    "subesco": {
        "ANGRY": "angry",
        "DISGUST": "disgust",
        "FEAR": "fear",
        "HAPPY": "happy",
        "NEUTRAL": "neutral",
        "SAD": "sad",
        "SURPRISE": "surprise",
    },
    "urdu": {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"},
}

# the seven classes of CMU-MOSEI: score rounded to a whole number -> label
SENTIMENT_7: Mapping[int, str] = {
    -3: "highly_negative",
    -2: "negative",
    -1: "weakly_negative",
    0: "neutral",
    1: "weakly_positive",
    2: "positive",
    3: "highly_positive",
}


@dataclass(frozen=True)
class LabelUse:
    """Which of a corpus' labels the paper evaluates on.

    Attributes:
        labels: Labels kept.
        renamed: Label of the corpus -> label that it counts as; applied before `labels`.
    """

    labels: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)


# corpora of which the paper does not use every label as it is (Section 4.1, Tables 2, 6 and 7)
PAPER_LABELS: Mapping[str, LabelUse] = {
    "iemocap": LabelUse(("angry", "happy", "neutral", "sad"), {"excited": "happy"}),
    "cmu_mosei": LabelUse(("negative", "positive")),
    "cmu_mosi": LabelUse(("negative", "positive")),
    # pre-training only
    "mead": LabelUse(()),
    "msp_podcast": LabelUse(()),
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


def paper_labels(corpus: str) -> LabelUse:
    """Return how the paper uses a corpus' labels: all of them, unless `PAPER_LABELS` says otherwise.

    >>> paper_labels("iemocap").renamed
    {'excited': 'happy'}
    >>> paper_labels("urdu").labels
    ('angry', 'happy', 'neutral', 'sad')
    """
    return PAPER_LABELS.get(corpus, LabelUse(label_set(corpus)))


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
            "correct it there, or add the code in emotion2vec/data/labels.py"
        )
    return codes[code]
