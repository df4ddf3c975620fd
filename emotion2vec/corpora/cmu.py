"""What CMU-MOSI and CMU-MOSEI share: folders below `Raw/`, official folds, classes of the sentiment score.

In: root folder, name of the corpus, score. Out: folders, splits and labels for `cmu_mosi.py` and `cmu_mosei.py`.
"""

import json
from pathlib import Path

from emotion2vec.corpora.card import CorpusOption
from emotion2vec.corpora.files import find_folder
from emotion2vec.data.labels import SENTIMENT_7, decode_label, label_set, sort_labels

FACTS = Path(__file__).resolve().parent / "facts"
CLASSES = CorpusOption(
    "classes",
    "2 (default): negative or positive by the score's sign, and neutral at 0, which the paper's two-class task "
    "leaves out; 7: one class for each whole number from -3 to 3",
    ("2", "7"),
)


def find_below(root: Path, *names: str) -> Path | None:
    """Return a nested folder of a release, names in any case; the root may be the release or its `Raw/`."""
    raw = find_folder(root, "Raw")
    for base in [raw, root]:
        folder = base
        for name in names:
            folder = None if folder is None else find_folder(folder, name)
        if folder is not None:
            return folder
    return None


def official_splits(corpus: str) -> dict[str, str]:
    """Return the split of each video of the official folds."""
    folds = json.loads((FACTS / f"{corpus}_folds.json").read_text(encoding="utf-8"))
    return {video: split for split, videos in folds.items() for video in videos}


def sentiment_label(corpus: str, score: float, *, classes: str, source: str) -> str:
    """Return the class of a sentiment score.

    Args:
        corpus: Name of the corpus.
        score: From -3 to 3.
        classes: Choice of the option of that name.
        source: Where the score stands, for the error.

    >>> sentiment_label("cmu_mosi", -0.4, classes="2", source="label.csv:2")
    'negative'
    >>> sentiment_label("cmu_mosi", -0.4, classes="7", source="label.csv:2")
    'neutral'
    """
    if classes == "7":
        return SENTIMENT_7[round(score)]
    sign = (score > 0) - (score < 0)
    return decode_label(corpus, str(sign), source=source)


def seven_class_labels(corpus: str) -> tuple[str, ...]:
    """Return the labels that only the seven classes have."""
    return sort_labels(set(SENTIMENT_7.values()) - set(label_set(corpus)))
