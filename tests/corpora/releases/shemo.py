"""ShEMO: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "shemo.tsv"
_LABELS = {
    "angry": "angry",
    "fearful": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "sad": "sad",
    "surprised": "surprise",
}


def build_miniature(root: Path) -> int:
    """Two folders; F and M as speaker and F as fear; a copy's names in lower case; the transcripts beside them."""
    names = ["F01A01", "F01A02", "F02F01", "F21N37", "F03S02", "F09W01", "F13H01"]
    number = write_files(root, [f"female/{name}.wav" for name in names])
    number += write_files(root, [f"male/{name}.wav" for name in ("M01A01", "M02F01", "M56N100")])
    number += write_files(root, ["male/m02h03.wav", "male/m02w01.WAV"])
    (root / "shemo.json").write_text('{"F21N37": {"transcript": "..."}}', encoding="utf-8")
    return number


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """The 2838 files of the list; the speaker is the name's first three characters."""
    link_files(root, [row["path"] for row in rows])
    return {
        row["path"]: Expected(_LABELS[row["label"]], speaker=row["path"].split("/")[1][:3])
        for row in rows
    }
