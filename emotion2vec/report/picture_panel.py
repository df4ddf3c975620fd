"""One result's part of a picture, the legend, and where the points go.

In: what `picture.py` laid out. Out: `Panel`s and `Key`s for `picture_png.py` and `picture_page.py`. Paper: Figures 3
and 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion2vec.report.arousal import arousal_of, order_by_arousal
from emotion2vec.report.palette import arousal_colours, class_colours
from emotion2vec.report.picture_points import Points
from emotion2vec.report.projection import Projection, Separation

SYNTHETIC_TITLE = "SYNTHETIC DATA: computer-generated speech"
CLASS, AROUSAL = "class", "arousal"
COLOURS = (CLASS, AROUSAL)


@dataclass(frozen=True)
class Panel:
    """One result's picture.

    Attributes:
        name: What made the features.
        task: Corpus and protocol.
        shown: What of the head is shown.
        labels: Class names.
        colour: One of `COLOURS`.
        projection: Positions and classes of one fold.
        points: Ids and answers of the positions.
        num_tested: Utterances that the fold tests; more than there are positions when they are too many to show.
        separation: Figures over all folds, of the classes.
        arousal: The same of the groups of low and high arousal; None when they are not shown.
        synthetic: True when the speech is computer-generated.
    """

    name: str
    task: str
    shown: str
    labels: tuple[str, ...]
    colour: str
    projection: Projection
    points: Points
    num_tested: int
    separation: Separation
    arousal: Separation | None
    synthetic: bool

    @property
    def caption(self) -> str:
        """Method, fold and number of utterances."""
        num_shown = len(self.projection.xy_N2)
        of_all = "" if num_shown == self.num_tested else f" of {self.num_tested}"
        return (
            f"{self.projection.method}, fold {self.projection.fold}, {num_shown}{of_all} utterances"
        )

    @property
    def mean_of(self) -> str:
        """What the figures are means of."""
        folds = self.separation.num_folds
        return "figures of the one fold" if folds == 1 else f"figures are means over {folds} folds"

    @property
    def figures(self) -> list[tuple[str, Separation]]:
        """What is separated, and how well."""
        groups = [] if self.arousal is None else [("arousal", self.arousal)]
        return [("classes", self.separation), *groups]


@dataclass(frozen=True)
class Key:
    """An entry of the legend.

    Attributes:
        label: Name of the class.
        colour: Its colour.
        group: Name of its group; empty for a picture without groups.
    """

    label: str
    colour: str
    group: str


def make_keys(panels: Sequence[Panel]) -> list[Key]:
    """Return the legend: every panel's classes once, low arousal first where colours mean arousal."""
    labels = list(dict.fromkeys(label for panel in panels for label in panel.labels))
    assert len({panel.colour for panel in panels}) == 1, "one legend has one meaning of colours"
    if panels[0].colour == CLASS:
        colours = class_colours(labels)
        return [Key(label, colour, "") for label, colour in zip(labels, colours, strict=True)]
    labels = order_by_arousal(labels)
    colours = arousal_colours(labels)
    return [
        Key(label, colour, _group_name(label))
        for label, colour in zip(labels, colours, strict=True)
    ]


def fit_square(projection: Projection, size: float, margin: float) -> NDArray[np.float64]:
    """Place the positions in a square, (N, 2), y down.

    Both axes have one scale, so that distances keep their meaning.

    Args:
        projection: The positions.
        size: Side of the square.
        margin: Left free on each side.
    """
    low_2, high_2 = projection.xy_N2.min(axis=0), projection.xy_N2.max(axis=0)
    scale = (size - 2 * margin) / max(float((high_2 - low_2).max()), 1e-12)
    centred_N2 = (projection.xy_N2 - (low_2 + high_2) / 2) * scale
    return size / 2 + centred_N2 * np.array([1.0, -1.0])


def _group_name(label: str) -> str:
    group = arousal_of(label)
    return f"{group} arousal" if group else "arousal not known"
