"""MELD (Poria et al., 2019): clips `dia<X>_utt<Y>.mp4` in a folder for each split, labels in three CSV files.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 3.
A dialogue's number is unique within its split only, so ids and dialogues begin with the split.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, CorpusOption, Counts
from emotion2vec.corpora.dialogue import Place, Spoken, clock_seconds, number_turns
from emotion2vec.corpora.files import RELEASE_SUFFIXES, audio_files
from emotion2vec.corpora.label_text import Row, one_line, read_rows
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError

logger = logging.getLogger(__name__)

_SUFFIXES = RELEASE_SUFFIXES | {".mp4"}
_NAME = re.compile(r"(final_videos_test)?dia(?P<dialogue>\d+)_utt(?P<utterance>\d+)")
_COLUMNS = (
    "Utterance",
    "Speaker",
    "Emotion",
    "Dialogue_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "StartTime",
)
_DEPTH = 4  # folders between the root and the clips, in the deepest copy

CARD = CorpusCard(
    name="meld",
    title="MELD",
    licence="GPL-3.0 as its authors state; the footage is that of the television series Friends",
    citation="S. Poria, D. Hazarika, N. Majumder, G. Naik, E. Cambria, R. Mihalcea: MELD: A Multimodal Multi-Party "
    "Dataset for Emotion Recognition in Conversations. ACL 2019, arXiv:1810.02508",
    url="https://affective-meld.github.io",
    access="Free download without a form: MELD.Raw.tar.gz, named on its site; the label files are in it and in the "
    "repository declare-lab/MELD.",
    language="en",
    labels=label_set("meld"),
    layout="train_splits/, dev_splits_complete/ and output_repeated_splits_test/ with files such as dia0_utt0.mp4, "
    "and train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv beside or above them",
    paper=Counts(utterances=13847, speakers=407, hours=12.2),
    release=Counts(utterances=13706, hours=12.14),
    notes=(
        "13,708 labelled rows (9989, 1109, 2610), of which 13,706 clips can be read: train dia125_utt3 is damaged and "
        "dev dia110_utt7 missing in the release.",
        "The release also holds about 141 clips without a row (4 dev, 137 test): 13,848 files, all but the damaged one "
        "make the paper's 13,847. `unlabelled` adds them, without labels, for pre-training.",
        "The paper's 407 speakers are those of the three splits added up (260, 47, 100): the main speakers are in all "
        "of them, and names such as All, Woman or Guy are not one person.",
        "Some test clips are there twice, as dia108_utt0 and final_videos_testdia108_utt0: the short name is taken, "
        "the long one where it is the only one. Users report that the long one holds what the table says.",
        "Some clips are cut wrongly; the longest are test dia38_utt4 and dia220_utt0, of five and four minutes.",
        "48 kHz video: needs --audio-out, and PyAV (pip install emotion2vec[video]) unless it was converted before.",
        "Order and turns follow Utterance_ID; StartTime counts from the episode's begin and is not always in order.",
        "The session is the episode.",
    ),
    options=(
        CorpusOption(
            "unlabelled",
            "true also takes the clips that have no row in the CSV files, without a label; default: false",
            ("false", "true"),
            {"true": Counts(utterances=13847)},
        ),
    ),
    splits_share_speakers=True,
)


@dataclass(frozen=True)
class _Split:
    """Where one split lies: its folder's names in different copies, and its table."""

    name: str
    folders: tuple[str, ...]
    table: str


_SPLITS = (
    _Split("train", ("train_splits",), "train_sent_emo.csv"),
    _Split("valid", ("dev_splits_complete", "dev_splits"), "dev_sent_emo.csv"),
    _Split(
        "test",
        ("output_repeated_splits_test", "final_videos_test*", "test_splits"),
        "test_sent_emo.csv",
    ),
)
_Key = tuple[int, int]


@register_corpus(CARD)
def iter_utterances(root: Path, unlabelled: str = "false") -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of the splits that are there.

    Args:
        root: Folder of the release.
        unlabelled: "true" takes clips without a row, too.

    Raises:
        CorpusError: A split's table is missing or malformed, or its clips are there twice.
    """
    folders = _clip_folders(root)
    for split in _SPLITS if folders else ():
        if split.name not in folders:
            text = "meld: no folder %s with clips below %s: the %s split is not in the manifest"
            logger.warning(text, split.folders[0], root, split.name)
            continue
        folder = folders[split.name]
        yield from _iter_split(root, split, folder, keep_unlabelled=unlabelled == "true")


def _clip_folders(root: Path) -> dict[str, Path]:
    """Find each split's folder of clips; copies nest them differently."""
    found: dict[str, Path] = {}
    for folder in _folders(root, _DEPTH):
        split = _split_of(folder)
        if split is None or not _has_clips(folder):
            continue
        if split in found:
            raise CorpusError(
                f"both {str(found[split])!r} and {str(folder)!r} hold MELD's {split} clips; "
                "name the folder of one copy as the root, or move the other away"
            )
        found[split] = folder
    return found


def _split_of(folder: Path) -> str | None:
    name = folder.name.lower()
    splits = (split.name for split in _SPLITS for part in split.folders if fnmatch(name, part))
    return next(splits, None)


def _folders(parent: Path, depth: int) -> Iterator[Path]:
    yield parent
    if depth == 0:
        return
    for path in sorted(parent.iterdir()):
        if path.name[0] != "." and path.is_dir():
            yield from _folders(path, depth - 1)


def _has_clips(folder: Path) -> bool:
    return any(
        path.suffix.lower() in _SUFFIXES and _NAME.fullmatch(path.stem) for path in folder.iterdir()
    )


def _find_table(root: Path, split: _Split, folder: Path) -> Path:
    """Return the table nearest to the clips."""
    above = [folder, *(parent for parent in folder.parents if parent.is_relative_to(root))]
    for parent in above:
        for place in (parent, parent / "data" / "MELD"):
            if (place / split.table).is_file():
                return place / split.table
    raise CorpusError(
        f"no {split.table} for the clips in {str(folder)!r}; put it into that folder or into the root "
        f"{str(root)!r} (it is in data/MELD of the repository declare-lab/MELD)"
    )


def _iter_split(
    root: Path, split: _Split, folder: Path, *, keep_unlabelled: bool
) -> Iterator[Utterance | LeftOut]:
    table = _find_table(root, split, folder)
    rows = _read_table(table)
    places = _number(rows)
    seen: set[_Key] = set()
    for path in audio_files(root, [folder], suffixes=_SUFFIXES):
        if isinstance(path, LeftOut):
            yield path
            continue
        key = _key(Path(path).stem)
        if key in rows and key not in seen:  # dia0_utt0 comes before final_videos_testdia0_utt0
            seen.add(key)
            yield _utterance(split.name, key, path, rows[key], places[key])
        elif keep_unlabelled:
            name = f"{split.name}/{Path(path).stem}"
            yield Utterance(name, path, 0, split=split.name, language=CARD.language)
        else:
            taken = "the clip of its row under the short name is taken"
            yield LeftOut(path, taken if key in rows else f"no row in {split.table}")
    for key in sorted(rows.keys() - seen):
        missing = folder.relative_to(root) / f"dia{key[0]}_utt{key[1]}.mp4"
        yield LeftOut(missing.as_posix(), f"listed in {split.table}, but there is no such clip")


def _key(name: str) -> _Key | None:
    match = _NAME.fullmatch(name)
    return (int(match["dialogue"]), int(match["utterance"])) if match else None


def _read_table(table: Path) -> dict[_Key, Row]:
    """Read a split's table: dialogue and utterance -> row."""
    rows: dict[_Key, Row] = {}
    for row in read_rows(table, _COLUMNS):
        dialogue, utterance = row.cells["Dialogue_ID"], row.cells["Utterance_ID"]
        if not (dialogue.isdecimal() and utterance.isdecimal()):
            raise CorpusError(
                f"{row.where}: Dialogue_ID and Utterance_ID must be whole numbers, but are {dialogue!r} and "
                f"{utterance!r}; copy the table from the release again"
            )
        key = int(dialogue), int(utterance)
        if key in rows:
            raise CorpusError(
                f"{row.where}: dia{key[0]}_utt{key[1]} is listed twice, first in {rows[key].where}; "
                "copy the table from the release again"
            )
        rows[key] = row
    _warn_times(table, rows.values())
    return rows


def _warn_times(table: Path, rows: Iterable[Row]) -> None:
    odd = [row for row in rows if clock_seconds(row.cells["StartTime"]) is None]
    if odd:
        text = "%s: %d start times are not of the form 00:14:38,127 and stay empty, e.g. %r in %s"
        logger.warning(text, table, len(odd), odd[0].cells["StartTime"], odd[0].where)


def _number(rows: Mapping[_Key, Row]) -> dict[_Key, Place]:
    """Number the utterances and turns of each dialogue."""
    dialogues: dict[int, list[_Key]] = defaultdict(list)
    for key in rows:
        dialogues[key[0]].append(key)
    places: dict[_Key, Place] = {}
    for dialogue, keys in dialogues.items():
        spoken = [Spoken(str(key[1]), key[1], _speaker(rows[key])) for key in keys]
        places |= {(dialogue, int(name)): place for name, place in number_turns(spoken).items()}
    return places


def _speaker(row: Row) -> str | None:
    return one_line(row.cells["Speaker"])


def _utterance(split: str, key: _Key, path: str, row: Row, place: Place) -> Utterance:
    season, episode = row.cells["Season"], row.cells["Episode"]
    return Utterance(
        id=f"{split}/dia{key[0]}_utt{key[1]}",
        path=path,
        num_samples=0,
        label=decode_label("meld", row.cells["Emotion"].lower(), source=row.where),
        speaker=_speaker(row),
        session=f"S{season.zfill(2)}E{episode.zfill(2)}",
        split=split,
        language=CARD.language,
        dialogue=f"{split}_dia{key[0]}",
        order=place.order,
        turn=place.turn,
        start_s=clock_seconds(row.cells["StartTime"]),
        text=one_line(row.cells["Utterance"]),
    )
