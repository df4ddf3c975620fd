"""A miniature copy of each corpus' release, with its irregularities.

Each builder writes files below a root and returns how many utterances a preparer must find. A new corpus adds one
builder here; the tests in `test_every_corpus.py` then run on it.
"""

from collections.abc import Callable
from pathlib import Path

from tests.helpers.wav import write_wav


def _write(root: Path, names: list[str], *, sample_rate_hz: int = 16000) -> int:
    for index, name in enumerate(names):
        write_wav(root / name, seconds=0.1, seed=index, sample_rate_hz=sample_rate_hz)
    return len(names)


def urdu(root: Path) -> int:
    """Four folders; speakers that occur in one emotion only; numbers with a leading zero."""
    return _write(
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


def ravdess_speech(root: Path) -> int:
    """The release's folder, beside a second copy of the same actors and a song folder."""
    names = [
        f"Actor_{actor:02d}/03-01-{emotion:02d}-01-01-01-{actor:02d}.wav"
        for actor in (1, 2, 24)
        for emotion in range(1, 9)
    ]
    _write(root, names)
    _write(root, ["Audio_Song_Actors_01-24/Actor_01/03-02-01-01-01-01-01.wav"])
    return _write(root / "Audio_Speech_Actors_01-24", names)


def emodb(root: Path) -> int:
    """One flat folder; takes of a sentence that differ in the last letter."""
    codes = ["03a01Fa", "03a01Nc", "03a01Wa", "09b10Ad", "09b10Ed", "16a04La", "16a04Lb", "08a02Tb"]
    return _write(root, [f"wav/{code}.wav" for code in codes])


def folder(root: Path) -> int:
    """Any tree: two depths, several formats, a folder name with a space."""
    write_wav(root / "very sad" / "c.aiff", seconds=0.1, seed=9)
    return 1 + _write(root, ["angry/spk1/calm/a.wav", "angry/b.flac", "happy/a.wav"])


BUILDERS: dict[str, Callable[[Path], int]] = {
    "urdu": urdu,
    "ravdess_speech": ravdess_speech,
    "emodb": emodb,
    "folder": folder,
}
