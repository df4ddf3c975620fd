"""MEAD: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_aac, write_files

LIST = "mead.tsv.gz"
_LABELS = {
    "angry": "angry",
    "contempt": "contempt",
    "disgusted": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "sad": "sad",
    "surprised": "surprise",
}


def build_miniature(root: Path) -> int:
    """Two speakers directly, one below `Part0/`; m4a beside converted copies; a video; stray names."""
    neutral = ["M003/audio/neutral/level_1/001.m4a", "M003/audio/neutral/level_1/040.m4a"]
    for index, name in enumerate(neutral):
        write_aac(root / name, seed=index)
    emotions = [name for name in _LABELS if name != "neutral"]
    converted = [f"W009/audio/{name}/level_{i % 3 + 1}/001.wav" for i, name in enumerate(emotions)]
    deeper = ["Part0/M009/audio/sad/level_3/030.flac", "Part0/M009/audio/sad/level_2/030.flac"]
    stray = ["W009/audio/sad/level_4/001.wav", "W009/audio/sad/level_3/001 (2).wav"]
    write_files(root, stray)
    write_aac(root / "M003" / "video" / "front" / "neutral" / "level_1" / "001.mp4", seed=9)
    return len(neutral) + write_files(root, [*converted, *deeper])


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 31,729 clips, as tiny m4a files."""
    link_files(root, [row["path"] for row in rows])
    return {row["path"]: Expected(_LABELS[row["label"]], speaker=row["speaker"]) for row in rows}
