"""RAVDESS speech: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import write_files


def build_miniature(root: Path) -> int:
    """The release's folder, beside a second copy of the same actors and a song folder."""
    names = [
        f"Actor_{actor:02d}/03-01-{emotion:02d}-01-01-01-{actor:02d}.wav"
        for actor in (1, 2, 24)
        for emotion in range(1, 9)
    ]
    write_files(root, names)
    write_files(root, ["Audio_Song_Actors_01-24/Actor_01/03-02-01-01-01-01-01.wav"])
    return write_files(root / "Audio_Speech_Actors_01-24", names)
