"""EMOVO: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

_LABELS = {
    "dis": "disgust",
    "gio": "happy",
    "neu": "neutral",
    "pau": "fear",
    "rab": "angry",
    "sor": "surprise",
    "tri": "sad",
}
_SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
_SENTENCES = (
    *("b1", "b2", "b3", "l1", "l2", "l3", "l4"),
    *("n1", "n2", "n3", "n4", "n5", "d1", "d2"),
)


def build_miniature(root: Path) -> int:
    """A folder around the speakers', names in capitals and with spaces; two channels at 48 kHz."""
    names = [f"EMOVO/f1/{emotion}-f1-b1.wav" for emotion in _LABELS]
    names += [f"EMOVO/{speaker}/neu-{speaker}-n5.wav" for speaker in _SPEAKERS]
    names += ["EMOVO/M3/TRI-M3-D2.WAV", "EMOVO/f2/rab - f2 - l4.wav"]
    return write_files(root, names, sample_rate_hz=48000, channels=2)


def build_whole(root: Path) -> dict[str, Expected]:
    """All 588 files by rule, there being no list: every speaker says every sentence in every emotion."""
    expected = {
        f"{speaker}/{emotion}-{speaker}-{sentence}.wav": Expected(label, speaker=speaker)
        for speaker in _SPEAKERS
        for emotion, label in _LABELS.items()
        for sentence in _SENTENCES
    }
    link_files(root, expected)
    return expected
