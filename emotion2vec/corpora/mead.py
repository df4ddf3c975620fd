"""MEAD (Wang et al., 2020): `<speaker>/audio/<emotion>/level_N/NNN.m4a`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1.
A speaker's first letter is the gender (M or W), level_N the intensity, NNN the sentence of the emotion's list.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.files import RELEASE_SUFFIXES, audio_files, find_folder
from emotion2vec.corpora.places import sub_folders
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set
from emotion2vec.data.utterance import Utterance

_SUFFIXES = RELEASE_SUFFIXES | {".m4a"}
_SPEAKER = re.compile(r"[MW]\d{3}")
_LEVEL = re.compile(r"level_[123]")
_NUMBER = re.compile(r"\d{3}")
_GENDERS = {"M": "male", "W": "female"}

CARD = CorpusCard(
    name="mead",
    title="MEAD",
    licence="terms of use of its authors (a PDF in their repository); for research",
    citation="K. Wang, Q. Wu, L. Song, Z. Yang, W. Wu, C. Qian, R. He, Y. Qiao, C. C. Loy: MEAD: A Large-scale "
    "Audio-visual Dataset for Emotional Talking-face Generation. ECCV 2020",
    url="https://wywu.github.io/projects/MEAD/MEAD.html",
    access="Download Part 0 from the links on its page: each speaker is a folder with audio.tar, which unpacks to "
    "audio/.",
    language="en",
    labels=label_set("mead"),
    layout="M003/audio/angry/level_1/001.m4a (or .wav, .flac) and the like, below the root or below a folder such as "
    "Part0/",
    paper=Counts(utterances=31792, speakers=60, hours=37.3),
    release=Counts(utterances=31729, speakers=48, hours=37.34),
    notes=(
        "m4a files: need PyAV and --audio-out unless they were converted before.",
        "60 actors were recorded; the released part has 48.",
        "neutral has level_1 only, and 40 sentences; the others have 30 at each of three levels, but not all clips of "
        "every speaker are there.",
        "Each emotion has a list of sentences of its own, so the sentence column holds emotion and number (angry/001). "
        "Some sentences are in several lists and have several codes; the numbers of M003 are shifted (uniBruce/Mead, "
        "issue 12).",
        "Videos (<speaker>/video/) are not used.",
    ),
    ignored=("[MW][0-9][0-9][0-9]/video/*/*/*/*",),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the clips of all speakers."""
    for speaker_folder in _speaker_folders(root):
        audio = find_folder(speaker_folder, "audio")
        if audio is None:
            speaker = speaker_folder.relative_to(root).as_posix()
            yield LeftOut(speaker, "no folder audio/ of this speaker: unpack audio.tar")
            continue
        levels = [level for emotion in sub_folders(audio) for level in sub_folders(emotion)]
        for path in audio_files(root, levels, suffixes=_SUFFIXES):
            yield path if isinstance(path, LeftOut) else _parse(path)


def _speaker_folders(root: Path) -> list[Path]:
    """Return the speakers' folders below the root or one folder further down."""
    folders = sub_folders(root)
    deeper = [path for folder in folders if not _is_speaker(folder) for path in sub_folders(folder)]
    return [folder for folder in [*folders, *deeper] if _is_speaker(folder)]


def _is_speaker(folder: Path) -> bool:
    return _SPEAKER.fullmatch(folder.name) is not None


def _parse(path: str) -> Utterance | LeftOut:
    speaker, _, emotion, level, name = path.split("/")[-5:]
    number = name.rsplit(".", 1)[0]
    if _LEVEL.fullmatch(level) is None:
        return LeftOut(path, "folder is not level_1, level_2 or level_3")
    if _NUMBER.fullmatch(number) is None:
        return LeftOut(path, "name is not a number of three digits")
    return Utterance(
        f"{speaker}_{emotion}_{level}_{number}",
        path,
        0,
        label=decode_label("mead", emotion, source=path),
        speaker=speaker,
        gender=_GENDERS[speaker[0]],
        language=CARD.language,
        sentence=f"{emotion}/{number}",
        intensity=level,
    )
