"""RAVDESS speech: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "ravdess.tsv"
_LABELS = {
    "Neutral": "neutral",
    "Calm": "calm",
    "Happy": "happy",
    "Sad": "sad",
    "Angry": "angry",
    "Fearful": "fear",
    "Disgust": "disgust",
    "Surprised": "surprise",
}


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


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 1440 files, below one more folder; the speaker is the number of the actor's folder."""
    link_files(root, [row["path"] for row in rows])
    return {
        row["path"]: Expected(
            _LABELS[row["label"]], speaker=row["path"].split("/")[-2].split("_")[1]
        )
        for row in rows
    }
