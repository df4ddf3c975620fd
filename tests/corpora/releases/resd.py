"""RESD: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "resd.tsv"
_LABELS = {
    "anger": "angry",
    "disgust": "disgust",
    "enthusiasm": "enthusiasm",
    "fear": "fear",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
}
_TRAIN = {
    "01_happiness_anger/01_happiness_anger a_020.wav": "anger",
    "11_disgust_anger/11_anger_disgust_d_030.wav": "disgust",
    "happiness_enthusiasm_32/32_happiness_enthusiasm_h_120.wav": "happiness",
    "happiness_enthusiasm_32/32_happiness_enthusiasm_e_120.wav": "enthusiasm",
    "sadness_anger_39/39_sadness_anger_s_010.wav": "sadness",
    "neutral_fear_27/27_neutral_fear_n_010.wav": "neutral",
    "neutral_fear_27/27_neutral_fear_f_010.wav": "fear",
}
_TEST = {
    "01_happiness_anger/01_happiness_anger a_010.wav": "anger",
    "happiness_enthusiasm_32/32_happiness_enthusiasm_h_090.wav": "happiness",
    "neutral_fear_27/27_neutral_fear_n_071.wav": "neutral",
}


def build_miniature(root: Path) -> int:
    """Both splits with their lists; blanks in names; folders with the number first or the emotions turned round."""
    _write_tables(root, {"train": _TRAIN, "test": _TEST})
    number = write_files(root, [f"train/{name}" for name in _TRAIN])
    return number + write_files(root, [f"test/{name}" for name in _TEST])


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 1396 files of 50 dialogues, with the two lists."""
    link_files(root, [row["path"] for row in rows])
    listed: dict[str, dict[str, str]] = {"train": {}, "test": {}}
    for row in rows:
        split, name = row["path"].split("/", 1)
        listed[split][name] = row["label"]
    _write_tables(root, listed)
    return {
        row["path"]: Expected(_LABELS[row["label"]], split=row["path"].split("/")[0])
        for row in rows
    }


def _write_tables(root: Path, listed: dict[str, dict[str, str]]) -> None:
    """Write `train.csv` and `test.csv`: the file's name without blanks, its path and emotion."""
    root.mkdir(parents=True, exist_ok=True)
    for split, emotions in listed.items():
        lines = ["name,path,emotion"]
        for path, emotion in emotions.items():
            name = Path(path).stem.replace(" ", "_")
            lines.append(f"{name},{path},{emotion}")
        (root / f"{split}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
