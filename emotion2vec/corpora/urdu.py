"""URDU (Latif et al., 2018): `Angry/ Happy/ Neutral/ Sad/` with `S<M|F><n>_F<n>_<A|H|N|S><nn>.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 4.
The letter before the number and the folder both name the emotion; `SM1` is speaker 1, male. Nobody reads: these are
clips of talk shows, so there is no sentence and no take.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.places import sub_folders
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set
from emotion2vec.data.utterance import Utterance

_GENDERS = {"F": "female", "M": "male"}
_FOLDERS = {"Angry": "A", "Happy": "H", "Neutral": "N", "Sad": "S"}
_NAME = re.compile(r"(?P<speaker>S(?P<gender>[MF])\d+)_F\d+_(?P<emotion>[AHNS])\d+")

CARD = CorpusCard(
    name="urdu",
    title="URDU",
    licence='no licence file; its README says: "Anyone can use this data only for research purposes"',
    citation="S. Latif, A. Qayyum, M. Usman, J. Qadir: Cross Lingual Speech Emotion Recognition: "
    "Urdu vs. Western Languages. FIT 2018, arXiv:1812.10411",
    url="https://github.com/siddiquelatif/URDU-Dataset",
    language="ur",
    labels=label_set("urdu"),
    access="Free download from GitHub.",
    layout="Angry/ Happy/ Neutral/ Sad/ with files such as Angry/SM1_F10_A010.wav",
    paper=Counts(utterances=400, speakers=38, hours=0.3),
    release=Counts(utterances=400, speakers=29, hours=0.28),
    notes=(
        "The paper and the corpus' README count 38 speakers (27 male, 11 female); the file names hold 29 (18 male, "
        "11 female).",
        "Its README speaks of a folder for each speaker in those of the emotions: files may lie there too.",
        "Speakers are spread unevenly over the emotions: random folds leak the speaker's identity.",
        "Talk-show recordings at 44.1 kHz: needs --audio-out unless it was converted before.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of the four folders."""
    for folder_name, letter in _FOLDERS.items():
        folder = find_folder(root, folder_name)
        for path in audio_files(root, [folder, *sub_folders(folder)] if folder else []):
            yield path if isinstance(path, LeftOut) else _parse(path, letter)


def _parse(path: str, folder_letter: str) -> Utterance | LeftOut:
    stem = Path(path).stem
    match = _NAME.fullmatch(stem)
    if match is None:
        return LeftOut(path, "name is not of the form SM1_F10_A010")
    if match["emotion"] != folder_letter:
        return LeftOut(path, "folder and file name disagree about the emotion")
    label = decode_label("urdu", match["emotion"], source=path)
    return Utterance(
        stem,
        path,
        0,
        label=label,
        speaker=match["speaker"],
        gender=_GENDERS[match["gender"]],
        language=CARD.language,
    )
