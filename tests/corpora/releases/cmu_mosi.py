"""CMU-MOSI: a fake release. Videos are real names of the folds, words and scores are invented."""

from collections.abc import Mapping
from pathlib import Path

from tests.corpora.releases.files import write_files

AUDIO = "Raw/Audio/WAV_16000/Segmented"
# one video of each fold, and one whose name holds underscores; segment -> score
SCORES: dict[str, float] = {
    "03bSnISJMiM_1": 2.4,
    "03bSnISJMiM_2": -0.8,
    "03bSnISJMiM_11": 0.0,
    "c5xsKMxpXnc_1": 3.0,
    "c5xsKMxpXnc_2": -3.0,
    "tmZoasNr4rU_1": 0.2,
    "tmZoasNr4rU_2": -1.75,
    "_dI--eQ6qVU_1": 1.6,
    "Ci-AH39fi3Y_1": -2.5,
    "Ci-AH39fi3Y_2": 0.5,
}


def build_miniature(root: Path) -> int:
    """Segments beside whole videos; a table with a score too many and one too few; one transcript."""
    names = [f"{AUDIO}/{name}.wav" for name in SCORES]
    write_files(root, [*names, f"{AUDIO}/03bSnISJMiM_99.wav", f"{AUDIO}/notes.wav"])
    write_files(root / "Raw/Audio/WAV_16000/Full", ["03bSnISJMiM.wav", "c5xsKMxpXnc.wav"])
    write_label_csv(root / "label.csv", {**SCORES, "tmZoasNr4rU_77": 1.0})
    transcript = root / "Raw/Transcript/Segmented/03bSnISJMiM.annotprocessed"
    transcript.parent.mkdir(parents=True)
    transcript.write_text("1_DELIM_FIRST  WORDS\n2_DELIM_\n11_DELIM_LAST WORDS\n", encoding="utf-8")
    return len(SCORES)


def write_label_csv(path: Path, scores: Mapping[str, float]) -> None:
    """Write the table as the MMSA project lays it out."""
    lines = ["video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode"]
    for name, score in scores.items():
        video, segment = name.rsplit("_", 1)
        lines.append(f'{video},{segment},"words, and more",{score},,,,Positive,train')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_opinion_csv(path: Path, scores: Mapping[str, float]) -> None:
    """Write the table as the authors lay it out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (f"0.0,1.5,{','.join(name.rsplit('_', 1))},{score}" for name, score in scores.items())
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
