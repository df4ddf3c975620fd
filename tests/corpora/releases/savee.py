"""SAVEE: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "savee.tsv"
_LABELS = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprise",
}


def build_miniature(root: Path) -> int:
    """A folder for each speaker; one in small letters; codes of one and of two letters; 44.1 kHz."""
    names = [f"AudioData/{speaker}/{code}01.wav" for speaker in ("DC", "kl") for code in _LABELS]
    more = ["AudioData/JE/n30.wav", "AudioData/JK/sa15.wav"]
    return write_files(root, names + more, sample_rate_hz=44100)


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 480 files in one folder; the speaker is the name's first part."""
    link_files(root, [row["path"] for row in rows])
    return {
        row["path"]: Expected(_LABELS[row["label"]], speaker=row["path"].split("_")[0])
        for row in rows
    }
