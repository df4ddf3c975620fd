"""MSP-Podcast: a fake release."""

from collections.abc import Iterable
from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "msp_podcast.partial.tsv.gz"
COLUMNS = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
_LABELS = {
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
}
# file -> EmoClass, SpkrID, Gender, Split_Set
ROWS: dict[str, tuple[str, str, str, str]] = {
    "MSP-PODCAST_0001_0008": ("N", "127", "Male", "Test1"),
    "MSP-PODCAST_0001_0009": ("A", "127", "Male", "Test2"),
    "MSP-PODCAST_0002_0033": ("S", "8", "Female", "Train"),
    "MSP-PODCAST_0002_0039": ("H", "8", "Female", "Train"),
    "MSP-PODCAST_0003_0001": ("U", "Unknown", "Unknown", "Train"),
    "MSP-PODCAST_0003_0002": ("F", "Unknown", "Male", "Train"),
    "MSP-PODCAST_0004_0001": ("D", "31", "Female", "Validation"),
    "MSP-PODCAST_0004_0002": ("C", "31", "Female", "Development"),
    "MSP-PODCAST_0047_0295_0001": ("O", "44", "Male", "Test3"),
    "MSP-PODCAST_0047_0295_0002": ("X", "44", "Male", "Test1"),
}


def build_miniature(root: Path) -> int:
    """The table's name is misspelt, one row has no file and one file no row; a name of three numbers."""
    write_files(root, [f"Audio/{name}.wav" for name in [*ROWS, "MSP-PODCAST_9999_0001"]])
    rows = [f"{name}.wav,{row[0]},4.2,3.4,5.0,{','.join(row[1:])}" for name, row in ROWS.items()]
    write_table(root, [*rows, "MSP-PODCAST_0005_0001.wav,N,4.0,4.0,4.0,9,Female,Train"])
    return len(ROWS)


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """The validation and test files; the list says nothing of speakers."""
    link_files(root, [row["path"] for row in rows])
    partitions = {"valid": "Development", "test": "Test1"}
    names = [(row["path"].split("/")[1], row["label"], partitions[row["split"]]) for row in rows]
    write_table(root, [f"{name},{code},4,4,4,Unknown,Unknown,{part}" for name, code, part in names])
    return {row["path"]: Expected(_LABELS[row["label"]], split=row["split"]) for row in rows}


def write_table(root: Path, rows: Iterable[str], *, name: str = "labels_concensus.csv") -> None:
    """Write the label table with its header."""
    path = root / "Labels" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
