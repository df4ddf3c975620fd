"""EmoDB: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "emodb.tsv"
_LABELS = {
    "anger": "angry",
    "boredem": "boredom",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "sad": "sad",
}


def build_miniature(root: Path) -> int:
    """One flat folder; takes of a sentence that differ in the last letter."""
    codes = ["03a01Fa", "03a01Nc", "03a01Wa", "09b10Ad", "09b10Ed", "16a04La", "16a04Lb", "08a02Tb"]
    return write_files(root, [f"wav/{code}.wav" for code in codes])


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 535 files; the speaker is the name's first two digits."""
    link_files(root, [row["path"] for row in rows])
    return {
        row["path"]: Expected(_LABELS[row["label"]], speaker=row["path"].split("/")[1][:2])
        for row in rows
    }
