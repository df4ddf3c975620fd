"""RAVDESS song: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

_LABELS = {1: "neutral", 2: "calm", 3: "happy", 4: "sad", 5: "angry", 6: "fear"}
_FOLDER = "Audio_Song_Actors_01-24"


def build_miniature(root: Path) -> int:
    """The release's folder, stereo files, beside the speech folder and a second copy of one actor."""
    names = [
        f"Actor_{actor:02d}/03-02-{emotion:02d}-01-01-01-{actor:02d}.wav"
        for actor in (1, 2, 24)
        for emotion in _LABELS
    ]
    write_files(root, names[:2])
    write_files(root, ["Audio_Speech_Actors_01-24/Actor_18/03-01-01-01-01-01-18.wav"])
    return write_files(root / _FOLDER, names, sample_rate_hz=48000, channels=2)


def build_whole(root: Path) -> dict[str, Expected]:
    """All 1012 files by rule, there being no list: 23 actors, two statements, each sung twice at each intensity."""
    expected = {
        f"{_FOLDER}/Actor_{actor:02d}/03-02-{emotion:02d}-{intensity:02d}-{statement:02d}-{take:02d}-{actor:02d}.wav": (
            Expected(label, speaker=f"{actor:02d}")
        )
        for actor in range(1, 25)
        for emotion, label in _LABELS.items()
        for intensity in (1, 2)
        for statement in (1, 2)
        for take in (1, 2)
        if actor != 18 and (emotion, intensity) != (1, 2)
    }
    link_files(root, expected)
    return expected
