"""The pictures of Figures 3 and 4: embeddings of several results side by side, as PNG or HTML.

In: `ProbeResult`s with embeddings. Out: the content of a file. Paper: Section 5.6.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotion2vec.errors import ReportError
from emotion2vec.report.picture_page import render_page
from emotion2vec.report.picture_panel import AROUSAL, CLASS, COLOURS, Panel
from emotion2vec.report.picture_png import render_png
from emotion2vec.report.picture_points import read_points
from emotion2vec.report.projection import (
    fold_rows,
    measure_arousal_separation,
    measure_separation,
    project,
)
from emotion2vec.report.records import ProbeResult, read_embeddings

__all__ = ["AROUSAL", "CLASS", "COLOURS", "Panel", "check_ending", "make_panel", "render_picture"]

ENDINGS = (".png", ".html")

# what the embeddings of a head are, `probe/*head.py`
SHOWN = {
    "linear": "first linear layer's output after ReLU, mean over the frames",
    "superb": "first linear layer's output for the mean frame",
    "gru": "the GRU's last state",
}


def make_panel(result: ProbeResult, *, fold: int = 0, seed: int = 1, colour: str = CLASS) -> Panel:
    """Lay out one fold of a result.

    Args:
        result: A result that names embeddings.
        fold: The fold to show.
        seed: Of UMAP's layout.
        colour: `class` for one colour a class, `arousal` for tones of low and high arousal.

    Raises:
        ReportError: The result has no embeddings, or none of this fold; or its other files do not fit them.
    """
    if colour not in COLOURS:
        raise ReportError(f"colour {colour!r}; expected one of {COLOURS}")
    embeddings = read_embeddings(result)
    if embeddings is None:
        raise ReportError(
            f"{result.path}: the result names no embeddings; run train_probe.py again"
        )
    folds = sorted({int(number) for number in embeddings.fold_N})
    if fold not in folds:
        raise ReportError(f"{result.embeddings_path}: no fold {fold}; it holds folds {folds}")
    return Panel(
        name=result.name,
        task=f"{result.corpus}, {result.protocol}",
        shown=SHOWN.get(str(result.raw.get("head", "linear")), "the head's embedding"),
        labels=result.labels,
        colour=colour,
        projection=project(embeddings, fold=fold, seed=seed),
        points=read_points(result, fold_rows(embeddings, fold)),
        num_tested=int(np.sum(embeddings.fold_N == fold)),
        separation=measure_separation(embeddings),
        arousal=measure_arousal_separation(embeddings, result.labels)
        if colour == AROUSAL
        else None,
        synthetic=result.synthetic,
    )


def check_ending(path: Path) -> None:
    """Refuse a file whose name does not say which picture to draw.

    Raises:
        ReportError: It ends in neither .png nor .html.
    """
    if path.suffix not in ENDINGS:
        raise ReportError(f"{path}: ending {path.suffix!r}; expected .png or .html")


def render_picture(panels: Sequence[Panel], path: Path) -> bytes:
    """Draw the panels in the format that the file's name asks for.

    Args:
        panels: At least one, all of one colouring.
        path: Ends in .png or .html.

    Raises:
        ReportError: Another ending, or matplotlib is missing for a PNG.
    """
    check_ending(path)
    return render_page(panels).encode() if path.suffix == ".html" else render_png(panels)
