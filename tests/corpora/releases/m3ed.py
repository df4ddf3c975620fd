"""M3ED: a fake release, the annotation in its format."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from tests.corpora.releases.files import Expected, link_files, write_files

LIST = "m3ed.tsv.gz"
_LABELS = {
    "Happy": "happy",
    "Neutral": "neutral",
    "Sad": "sad",
    "Disgust": "disgust",
    "Anger": "angry",
    "Fear": "fear",
    "Surprise": "surprise",
}
# file, emotion, speaker's name
_MINIATURE = (
    ("A_anjia_1_1", "Neutral", "房似锦"),
    ("B_anjia_1_2", "Happy", "朱闪闪"),
    ("B_anjia_1_3", "Anger", "朱闪闪"),
    ("A_anjia_1_10", "Disgust", "房似锦"),
    ("A_anjia_2_1", "Fear", "房似锦"),
    ("A_jimaofeishangtian_1_1", "Neutral", " 骆玉珠"),
    ("A_humamaoba_3_1", "Surprise", "Jeanette Sue"),
    ("B_humamaoba_3_2", "Sad", "胡妈"),
    ("A_woju_7_1", "Sad", "宋思明"),
    ("B_woju_7_2", "Neutral", "海藻"),
)


def add(annotation: dict[str, Any], stem: str, emotion: str, name: str) -> None:
    """Add one utterance to an annotation."""
    side, drama, dialogue, number = stem.split("_")
    contents = annotation.setdefault(drama, {}).setdefault(
        f"{drama}_{dialogue}", {"SpeakerInfo": {}, "Dialog": {}}
    )
    gender = "female" if side == "A" else "male"
    contents["SpeakerInfo"][side] = {"Name": name, "Age": "mid", "Gender": gender, "OtherName": []}
    second = 2 * int(number) % 60
    contents["Dialog"][f"{drama}_{dialogue}_{number}"] = {
        "StartTime": f"00:00:{second:02d}:01",
        "EndTime": f"00:00:{second:02d}:24",
        "Text": "你先把衣服 换了",
        "Speaker": side,
        "EmoAnnotation": {
            "EmoAnnotator1": emotion,
            "EmoAnnotator2": emotion,
            "EmoAnnotator3": "Neutral",
            "final_mul_emo": f"{emotion},Neutral",
            "final_main_emo": emotion,
        },
    }


def write_annotation(root: Path, annotation: dict[str, Any]) -> None:
    """Write the annotation as the release does."""
    text = json.dumps(annotation, ensure_ascii=False, indent=4)
    (root / "annotation.json").write_text(text, encoding="utf-8")


def build_miniature(root: Path) -> int:
    """Dramas of each split; a name after a space; one row without a recording, one recording without a row."""
    write_files(root / "modality_speech", [f"{stem}.wav" for stem, _, _ in _MINIATURE])
    annotation: dict[str, Any] = {}
    for row in _MINIATURE:
        add(annotation, *row)
    add(annotation, "B_anjia_2_2", "Happy", "朱闪闪")
    write_annotation(root, annotation)
    write_files(root / "modality_speech", ["A_anjia_9_9.wav", "A_woju_7_2.wav"])
    return len(_MINIATURE)


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All recordings of the list, annotated from it."""
    annotation: dict[str, Any] = {}
    expected = {}
    for row in rows:
        stem = PurePosixPath(row["path"]).stem
        drama, _, name = row["speaker"].partition("_")
        add(annotation, stem, row["label"], name)
        expected[row["path"]] = Expected(_LABELS[row["label"]], speaker=f"{drama}_{name.strip()}")
    link_files(root, expected)
    write_annotation(root, annotation)
    return expected
