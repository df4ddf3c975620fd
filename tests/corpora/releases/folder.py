"""The user's own files: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import write_files
from tests.helpers.wav import write_wav


def build_miniature(root: Path) -> int:
    """Any tree: two depths, several formats, a folder name with a space."""
    write_wav(root / "very sad" / "c.aiff", seconds=0.1, seed=9)
    return 1 + write_files(root, ["angry/spk1/calm/a.wav", "angry/b.flac", "happy/a.wav"])
