"""RESD (Aniemore, 2022): `{train,test}/<emo>_<emo>_<nn>/<nn>_<emo>_<emo>_<letter>_<nnn>.wav`, `train.csv`, `test.csv`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 4, split 1116/280.
Dialogue nn is acted by two people, each in one emotion; the letter is the first one of the utterance's own emotion.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.label_text import Row, read_rows
from emotion2vec.corpora.places import sub_folders
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError

_SPLITS = ("train", "test")
# the separator before the letter is a blank in the first dialogues
_NAME = re.compile(
    r"(?P<dialogue>\d+)_(?P<first>[a-z]+)_(?P<second>[a-z]+)[_ ](?P<letter>[a-z])_\d+"
)

CARD = CorpusCard(
    name="resd",
    title="RESD",
    licence="MIT",
    citation="A. Amentes, I. Lubenets, N. Davidchuk: Aniemore, open library of artificial intelligence for analysing "
    "the emotional shades of human speech. Hugging Face, 2022",
    url="https://huggingface.co/datasets/Aniemore/resd",
    access="Free download from Hugging Face; the parquet files that its page offers too are not read.",
    language="ru",
    labels=label_set("resd"),
    layout="train/ and test/ with files such as "
    "train/happiness_enthusiasm_32/32_happiness_enthusiasm_h_120.wav; train.csv and test.csv beside them are optional",
    paper=Counts(utterances=1396, speakers=200, hours=2.3),
    release=Counts(utterances=1396, hours=2.34),
    notes=(
        "The release does not name its speakers (the paper counts 200), so there are no speaker-independent folds.",
        "All 50 dialogues occur in train and in test: the split shares speakers and recordings.",
        "session and dialogue are the dialogue's number. Numbers of utterances do not tell who speaks first, so there "
        "is no order of turns.",
        "The separator before the letter is sometimes a blank, and some folders are <nn>_<emo>_<emo> or have the "
        "emotions in the other order than their files; ids have `_` everywhere.",
        "The letter in the name is the label; train.csv and test.csv are compared with it where they exist.",
        "16 and 44.1 kHz: needs --audio-out unless it was converted before.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of both splits.

    Raises:
        CorpusError: `train.csv` or `test.csv` is malformed.
    """
    for split in _SPLITS:
        listed = _read_csv(root / f"{split}.csv")
        parent = find_folder(root, split)
        for path in audio_files(root, [parent, *sub_folders(parent)] if parent else []):
            if isinstance(path, LeftOut):
                yield path
            else:
                yield _parse(path, split, listed.pop(_key(path), None))
        for row in listed.values():
            yield LeftOut(f"{split}/{_path(row)}", f"listed in {split}.csv, but there is no file")


def _path(row: Row) -> str:
    """Return the file that a row names; lists made on Windows may have backslashes."""
    return row.cells["path"].replace("\\", "/")


def _key(path: str) -> str:
    """Return the file's name without suffix and blanks, which train.csv may write in another way."""
    return PurePosixPath(path).stem.replace(" ", "_")


def _parse(path: str, split: str, row: Row | None) -> Utterance | LeftOut:
    match = _NAME.fullmatch(Path(path).stem)
    if match is None:
        return LeftOut(path, "name is not of the form 32_happiness_enthusiasm_h_120")
    letter = match["letter"]
    if letter not in (match["first"][0], match["second"][0]):
        return LeftOut(path, "its letter is not that of one of its dialogue's two emotions")
    label = decode_label("resd", letter, source=path)
    if row is not None and not row.cells["emotion"].lower().startswith(letter):
        return LeftOut(path, f"{split}.csv and file name disagree about the emotion")
    return Utterance(
        _key(path),
        path,
        0,
        label=label,
        session=match["dialogue"],
        split=split,
        language=CARD.language,
        dialogue=match["dialogue"],
    )


def _read_csv(table: Path) -> dict[str, Row]:
    """Read the split's list: name of the file -> row; nothing where there is no list."""
    listed: dict[str, Row] = {}
    for row in read_rows(table, ("path", "emotion")) if table.is_file() else ():
        key = _key(_path(row))
        if not key or not row.cells["emotion"]:
            raise CorpusError(f"{row.where}: expected a path and an emotion, but found {row.cells}")
        if key in listed:
            raise CorpusError(f"{row.where}: {row.cells['path']!r} is listed twice")
        listed[key] = row
    return listed
