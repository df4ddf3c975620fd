"""URDU: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "urdu.tsv"
_LABELS = {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"}


def build_miniature(root: Path) -> int:
    """Four folders; speakers that occur in one emotion only; numbers with a leading zero."""
    return write_files(
        root,
        [
            "Angry/SM1_F10_A010.wav",
            "Angry/SM4_F2_A02.wav",
            "Happy/SF1_F10_H010.wav",
            "Happy/SM3_F1_H01.wav",
            "Neutral/SF9_F1_N01.wav",
            "Neutral/SM20_F1_N0100.wav",
            "Sad/SF10_F1_S01.wav",
            "Sad/SM27_F4_S04.wav",
        ],
    )


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 400 files; the speaker is the name's first part."""
    link_files(root, [row["path"] for row in rows])
    return {
        row["path"]: Expected(
            _LABELS[row["label"]], speaker=row["path"].split("/")[1].split("_")[0]
        )
        for row in rows
    }
