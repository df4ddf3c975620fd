"""EmoDB: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import write_files


def build_miniature(root: Path) -> int:
    """One flat folder; takes of a sentence that differ in the last letter."""
    codes = ["03a01Fa", "03a01Nc", "03a01Wa", "09b10Ad", "09b10Ed", "16a04La", "16a04Lb", "08a02Tb"]
    return write_files(root, [f"wav/{code}.wav" for code in codes])
