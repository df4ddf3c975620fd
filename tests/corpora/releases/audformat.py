"""A database in audformat: one like audEERING's edition of EmoDB, saved by the library itself."""

from pathlib import Path
from typing import Any

from tests.corpora.releases.files import write_files

_EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
_SPEAKERS = {3: "male", 8: "female", 9: "female", 16: "female"}
_NAMES = {
    "train": ["03a01Fa", "03a01Nc", "03a01Wa", "08a02Tb", "08a01Wa"],
    "test": ["09b10Ad", "09b10Ed", "16a04La", "16a04Lb", "16b10Wb"],
}
_TEXTS = {"a01": "Erster Satz.", "a02": "Zweiter Satz.", "a04": "Dritter Satz.", "b10": "Vierter."}


def build_miniature(root: Path) -> int:
    """Three tables with emotions, of which one holds all files; speakers in a table of their own; CSV and parquet."""
    files = {split: [f"wav/{name}.wav" for name in names] for split, names in _NAMES.items()}
    everything = [name for names in files.values() for name in names]
    number = write_files(root, everything)
    database = _database()
    _add_emotions(database, "emotion", sorted(everything))
    for split, names in files.items():
        _add_emotions(database, f"emotion.categories.{split}.gold_standard", names, split_id=split)
    _add_files(database, sorted(everything))
    database.save(str(root), storage_format="csv")
    database["files"].save(str(root / "db.files"), storage_format="parquet")
    (root / "db.files.csv").unlink()
    return number


def _database() -> Any:
    """Make the header: who made it, schemes, splits, and the table of speakers."""
    import audformat
    import pandas as pd

    database = audformat.Database(
        name="emodb",
        author="Felix Burkhardt, Astrid Paeschke",
        organization="audEERING",
        license="CC0-1.0",
        source="http://emodb.bilderbar.info/download/download.zip",
        usage="unrestricted",
        languages=["deu"],
        description="Sentences\nby actors.",
        meta={"pdf": "http://example.org/paper.pdf"},
    )
    database.media["microphone"] = audformat.Media(format="wav", sampling_rate=16000, channels=1)
    database.raters["gold"] = audformat.Rater()
    for split in _NAMES:
        database.splits[split] = audformat.Split(split)
    schemes = {
        "age": audformat.Scheme("int", minimum=0),
        "confidence": audformat.Scheme("float", minimum=0, maximum=1),
        "duration": audformat.Scheme("time"),
        "emotion": audformat.Scheme(labels=list(_EMOTIONS.values())),
        "gender": audformat.Scheme(labels=["female", "male"]),
        "language": audformat.Scheme("str"),
        "transcription": audformat.Scheme(labels=_TEXTS),
    }
    for name, scheme in schemes.items():
        database.schemes[name] = scheme
    database["speaker"] = audformat.MiscTable(pd.Index(list(_SPEAKERS), name="speaker"))
    columns = {"gender": list(_SPEAKERS.values()), "language": ["deu"] * 4, "age": [31, 34, 21, 31]}
    for name, values in columns.items():
        database["speaker"][name] = audformat.Column(scheme_id=name)
        database["speaker"][name].set(values)
    database.schemes["speaker"] = audformat.Scheme(labels="speaker", dtype="int")
    return database


def _add_emotions(
    database: Any, table: str, files: list[str], *, split_id: str | None = None
) -> None:
    import audformat

    database[table] = audformat.Table(audformat.filewise_index(files), split_id=split_id)
    database[table]["emotion"] = audformat.Column(scheme_id="emotion", rater_id="gold")
    database[table]["emotion"].set([_EMOTIONS[name[-6]] for name in files])
    database[table]["emotion.confidence"] = audformat.Column(
        scheme_id="confidence", rater_id="gold"
    )
    database[table]["emotion.confidence"].set([0.9] * len(files))


def _add_files(database: Any, files: list[str]) -> None:
    import audformat
    import pandas as pd

    database["files"] = audformat.Table(audformat.filewise_index(files))
    columns = {
        "duration": pd.to_timedelta([0.1] * len(files), unit="s"),
        "speaker": [int(name[4:6]) for name in files],
        "transcription": [name[6:9] for name in files],
    }
    for name, values in columns.items():
        database["files"][name] = audformat.Column(scheme_id=name)
        database["files"][name].set(values)
