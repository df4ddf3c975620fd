"""SUBESCO: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "subesco.tsv"


def build_miniature(root: Path) -> int:
    """One folder below the root, two sampling rates, the release's one name with a stray bracket."""
    emotions = ("ANGRY", "DISGUST", "FEAR", "HAPPY", "NEUTRAL", "SAD", "SURPRISE")
    names = [f"SUBESCO/F_01_OISHI_S_10_{emotion}_1.wav" for emotion in emotions]
    names += ["SUBESCO/F_02_MONIKA_S_2_SURPRISE_3].wav", "SUBESCO/M_10_EVAN_S_1_SAD_5.wav"]
    more = [f"SUBESCO/M_01_BASHIR_S_3_FEAR_{take}.wav" for take in (1, 2, 5)]
    found = write_files(root, names, sample_rate_hz=44100)
    return found + write_files(root, more, sample_rate_hz=48000)


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 7000 files in one folder; the speaker is the name's first two parts; the list's labels are ours."""
    link_files(root, [row["path"] for row in rows])
    return {
        row["path"]: Expected(row["label"], speaker="_".join(row["path"].split("_")[:2]))
        for row in rows
    }
