"""MELD: a fake release, clips in video containers and tables in the release's format."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from tests.corpora.releases.files import Expected, link_files, write_aac

LIST = "meld.tsv.gz"
INVENTED_SPEAKERS = True
HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,"
    "StartTime,EndTime"
)
_LABELS = {
    "neutral": "neutral",
    "joy": "happy",
    "sadness": "sad",
    "surprise": "surprise",
    "disgust": "disgust",
    "anger": "angry",
    "fear": "fear",
}
_TABLES = {"train": "train", "valid": "dev", "test": "test"}
# words, speaker, emotion, dialogue, utterance, start
Line = tuple[str, str, str, int, int, str]

LINES: dict[str, list[Line]] = {
    "train": [
        ("Also I was the point person, on it.", "Chandler", "neutral", 0, 0, "00:16:16,059"),
        ('He said \u201cno\u201d, "no"!\nTwice.', "The Interviewer", "anger", 0, 1, "00:16:21,940"),
        ("Now you\u2019re heading up?", " Chandler ", "joy", 0, 2, "0:16:19,000"),
        ("Good to know.", "Chandler", "disgust", 0, 10, "00:16:59,000"),
        ("(damaged in the release)", "Ross", "fear", 125, 3, "00:01:00,000"),
        ("But then who?", "All", "surprise", 1, 0, "noon"),
    ],
    "valid": [
        ("Oh my God, he\u2019s lost it.", "Phoebe", "sadness", 0, 0, "00:20:57,256"),
        ("What?", "Chandler", "surprise", 0, 1, "00:21:01,927"),
        ("(missing in the release)", "Joey", "neutral", 110, 7, "00:21:01,927"),
    ],
    "test": [
        ("Why do all you\u2019re coffee mugs have numbers?", "Mark", "fear", 0, 0, "00:19:38,000"),
        ("Oh.", "Chandler", "neutral", 0, 1, "0:19:42,000"),
    ],
}


def table(lines: Iterable[Line]) -> str:
    """Return a table as the release writes it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER.split(","))
    for number, (words, speaker, emotion, dialogue, utterance, start) in enumerate(lines, 1):
        row = (number, words, speaker, emotion, "neutral", dialogue, utterance, 8, 21, start, start)
        writer.writerow(row)
    return text.getvalue()


def write_tables(root: Path, lines: Mapping[str, Iterable[Line]], *, dev: str = "utf-8") -> None:
    """Write the three tables as the archive unpacks: that of train beside its folder, the others in the root."""
    for split, part in lines.items():
        folder = root / "train" if split == "train" else root
        folder.mkdir(parents=True, exist_ok=True)
        encoding = dev if split == "valid" else "utf-8"
        path = folder / f"{_TABLES[split]}_sent_emo.csv"
        path.write_text(table(part), encoding=encoding, newline="")


def build_miniature(root: Path) -> int:
    """One clip missing and one damaged, as in the release; clips without a row; a table in Windows-1252."""
    names = {
        "train/train_splits": ["dia0_utt0", "dia0_utt1", "dia0_utt2", "dia0_utt10", "dia1_utt0"],
        "dev_splits_complete": ["dia0_utt0", "dia0_utt1", "dia66_utt9"],
        "output_repeated_splits_test": ["dia0_utt0", "dia0_utt1", "final_videos_testdia101_utt0"],
    }
    for folder, stems in names.items():
        for seed, stem in enumerate(stems):
            path = root / folder / f"{stem}.mp4"
            write_aac(path, seed=seed + len(folder), layout="stereo")
    (root / "train/train_splits/dia125_utt3.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42 cut off")
    (root / "output_repeated_splits_test/._dia0_utt0.mp4").write_bytes(b"\x00\x05\x16\x07")
    write_tables(root, LINES, dev="cp1252")
    return 9


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 13,706 clips, and the rows of the two that are damaged or missing."""
    splits = {"train": "train", "dev_splits_complete": "valid"}
    expected: dict[str, Expected] = {}
    lines: dict[str, list[Line]] = {split: [] for split in _TABLES}
    for row in rows:
        path = PurePosixPath(row["path"])
        split = splits.get(path.parts[0], "test")
        dialogue, utterance = (int(part[3:]) for part in path.stem.split("_"))
        speaker = ("Monica", "Joey", "Rachel")[utterance % 3]
        lines[split].append(("Hi.", speaker, row["label"], dialogue, utterance, "0:00:01,000"))
        expected[row["path"]] = Expected(_LABELS[row["label"]], speaker=speaker, split=split)
    lines["train"].append(("Hi.", "Ross", "neutral", 125, 3, "0:00:01,000"))
    lines["valid"].append(("Hi.", "Ross", "neutral", 110, 7, "0:00:01,000"))
    link_files(root, expected)
    write_tables(root, lines)
    return expected
