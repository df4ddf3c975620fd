"""CaFE (Gournay et al., 2018): `<Emotion>/{Faible,Fort}/AA-E-I-S.{aiff,wav}`, `Neutre/AA-N-S`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 4.
AA actor (odd: male), E emotion (first letter of the French word), I intensity, S sentence. The names tell all:
the folders' accents are damaged in many copies.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.files import RELEASE_SUFFIXES, audio_files
from emotion2vec.corpora.places import all_folders
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import CODES, decode_label, label_set
from emotion2vec.data.utterance import Utterance

_SUFFIXES = RELEASE_SUFFIXES | {".aiff", ".aif"}
_INTENSITIES = {"1": "faible", "2": "fort"}
# neutral has no intensity; some copies write 1
_NAME = re.compile(
    r"(?P<actor>0[1-9]|1[0-2])-(?:(?P<neutral>N)(?:-1)?|(?P<emotion>[A-MO-Z])-(?P<intensity>[12]))-(?P<sentence>[1-6])",
    re.IGNORECASE,
)

CARD = CorpusCard(
    name="cafe",
    title="CaFE",
    licence="CC BY-NC-SA 4.0",
    citation="P. Gournay, O. Lahaie, R. Lefebvre: A Canadian French Emotional Speech Dataset. ACM MMSys 2018",
    url="https://zenodo.org/record/1478765",
    access="Open download from Zenodo (CaFE_48k.zip is enough; CaFE_192k_1.zip and CaFE_192k_2.zip hold the same).",
    language="fr",
    labels=label_set("cafe"),
    layout="CaFE_48k/ (or its folders directly) with files such as Joie/Fort/01-J-2-1.wav and Neutre/01-N-1.wav; "
    ".aiff in CaFE_192k_1/ and CaFE_192k_2/",
    paper=Counts(utterances=936, speakers=12, hours=1.2),
    release=Counts(utterances=936, speakers=12, hours=1.16),
    notes=(
        "192 kHz (AIFF) or 48 kHz (WAV): needs --audio-out unless it was converted before.",
        "Accents in folder names (Colère, Dégoût) are damaged in many copies: label and intensity come from the "
        "file's name.",
        "Neutral files are 01-N-1 or 01-N-1-1, by copy; the id is always 01-N-1-1, so that it is the same in both.",
        "Where several copies lie below the root, each utterance is taken once, from the 48 kHz copy if that has it; "
        "name the folder of another copy as the root to take that.",
        "neutral has no intensity, so it is half as frequent as each other emotion.",
        "Every speaker says the same 6 sentences: random folds share them between training and test.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of all copies of the release, each once."""
    copies: dict[str, list[Utterance]] = {}
    for path in audio_files(root, all_folders(root), suffixes=_SUFFIXES):
        item = path if isinstance(path, LeftOut) else _parse(path)
        if isinstance(item, LeftOut):
            yield item
        else:
            copies.setdefault(item.id, []).append(item)
    for items in copies.values():
        yield from _choose(items)


def _choose(items: list[Utterance]) -> Iterator[Utterance | LeftOut]:
    """Take the utterance of the best copy; two of one copy are both yielded and then refused as a repetition."""
    best = min(
        (_copy(item.path) for item in items), key=lambda copy: ("48k" not in copy.lower(), copy)
    )
    for item in items:
        if _copy(item.path) == best:
            yield item
        else:
            reason = f"the same utterance in another copy; that in {best}/ is taken"
            yield LeftOut(item.path, reason)


def _copy(path: str) -> str:
    """Return the folder of the copy that a file is part of: the one around its emotion's folder.

    >>> _copy("CaFE_192k_1/Joie/Fort/01-J-2-1.aiff"), _copy("Neutre/01-N-1.wav")
    ('CaFE_192k_1', '.')
    """
    folder = PurePosixPath(path).parent
    if folder.name.lower() in _INTENSITIES.values():
        folder = folder.parent
    return folder.parent.as_posix()


def _parse(path: str) -> Utterance | LeftOut:
    match = _NAME.fullmatch(Path(path).stem)
    if match is None:
        return LeftOut(path, "name is not of the form 01-J-2-1, or 01-N-1 for neutral")
    emotion = (match["neutral"] or match["emotion"]).upper()
    if emotion not in CODES["cafe"]:
        return LeftOut(path, f"emotion {emotion!r} is not one of {sorted(CODES['cafe'])}")
    intensity = _INTENSITIES[match["intensity"]] if match["intensity"] else None
    folder = Path(path).parent.name.lower()
    if intensity and folder in _INTENSITIES.values() and folder != intensity:
        return LeftOut(path, "folder and file name disagree about the intensity")
    actor, sentence = match["actor"], match["sentence"]
    return Utterance(
        f"{actor}-{emotion}-{match['intensity'] or 1}-{sentence}",
        path,
        0,
        label=decode_label("cafe", emotion, source=path),
        speaker=actor,
        gender="male" if int(actor) % 2 else "female",
        language=CARD.language,
        sentence=sentence,
        intensity=intensity,
    )
