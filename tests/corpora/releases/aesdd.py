"""AESDD: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "aesdd.tsv"
_LABELS = {"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "s": "sad"}


def build_miniature(root: Path) -> int:
    """Five folders; speaker 1 as 01, second takes, and the folder of documents."""
    (root / "Tools and Documentation").mkdir(parents=True)
    (root / "Tools and Documentation" / "readme.txt").write_text("x = first letter of the emotion")
    return write_files(
        root,
        [
            "anger/a01 (1).wav",
            "anger/a06 (5).wav",
            "anger/a06 (5)b.wav",
            "disgust/d03 (01).wav",
            "disgust/d03 (5)b.wav",
            "fear/f10 (01).wav",
            "fear/f18 (6).wav",
            "happiness/h20 (4).wav",
            "sadness/s01 (5)a.wav",
            "sadness/s01 (5)b.wav",
        ],
    )


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 604 files; the speaker is the number between the brackets."""
    link_files(root, [row["path"] for row in rows])
    return {
        row["path"]: Expected(
            _LABELS[row["label"]], speaker=str(int(row["path"].split("(")[1].split(")")[0]))
        )
        for row in rows
    }
