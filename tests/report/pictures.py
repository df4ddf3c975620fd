"""Results whose embeddings name their utterances and whose answers are known."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# index of the label that the probe answered, for each of a fold's eight utterances; their classes are 0 1 2 3 0 1 2 3
ANSWERS = (0, 1, 2, 3, 3, 3, 3, 3)


def add_points(
    path: Path, *, answers: Sequence[int] = ANSWERS * 3, num_ids: int = 24, forget: str = ""
) -> None:
    """Add ids to the embeddings beside a result and write its predictions.

    Args:
        path: The result of `conftest.write_result`; utterances are called utt00, utt01, ...
        answers: Index of the label answered, for each utterance.
        num_ids: Ids to write.
        forget: An utterance to leave out of the predictions.
    """
    labels = json.loads(path.read_text())["labels"]
    with np.load(path.parent / "embeddings.npz") as arrays:
        known = dict(arrays)
    ids = [f"utt{index:02d}" for index in range(len(known["fold"]))]
    np.savez(path.parent / "embeddings.npz", **known, id=np.array(ids[:num_ids]))
    lines = ["id\tfold\tseed\tlabel\tpredicted\tspeaker"]
    rows = list(zip(ids, known["fold"], known["label_index"], answers, strict=True))
    lines += [
        f"{name}\t{fold}\t{seed}\t{labels[label]}\t{labels[answer if seed == 1 else 0]}\t"
        for seed in (1, 2)
        for name, fold, label, answer in rows
        if name != forget
    ]
    (path.parent / "predictions.tsv").write_text("\n".join(lines) + "\n")
