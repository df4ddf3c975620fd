"""Colours of classes and runs; strong enough on white and on near-black.

In: labels. Out: label -> colour, the same in every picture of a report.
"""

from collections.abc import Sequence

# Warm for high arousal, cold for low, as in Figure 3 of the paper
_EMOTION_COLOURS = {
    "angry": "#e5484d",
    "anger": "#e5484d",
    "happy": "#f2a60d",
    "happiness": "#f2a60d",
    "sad": "#3e7bfa",
    "sadness": "#3e7bfa",
    "neutral": "#8b8d98",
    "fear": "#8e4ec6",
    "fearful": "#8e4ec6",
    "disgust": "#46a758",
    "surprise": "#e93d82",
    "surprised": "#e93d82",
    "calm": "#12a594",
    "boredom": "#a18072",
}
_SERIES_COLOURS = (
    "#3e7bfa", "#f76808", "#12a594", "#8e4ec6", "#e5484d", "#46a758", "#e93d82", "#a18072",
    "#00a2c7", "#b5a100", "#6e56cf", "#8b8d98",
)  # fmt: skip


def series_colour(index: int) -> str:
    """Return the colour of the i-th line of a chart; repeats after twelve."""
    return _SERIES_COLOURS[index % len(_SERIES_COLOURS)]


def class_colours(labels: Sequence[str]) -> list[str]:
    """Return one colour per label, distinct for up to twelve labels.

    >>> class_colours(["angry", "unheard-of"])
    ['#e5484d', '#3e7bfa']
    """
    known = {label: _EMOTION_COLOURS.get(label.lower()) for label in labels}
    taken: list[str] = []
    spare = (colour for colour in _SERIES_COLOURS if colour not in known.values())
    for index, label in enumerate(labels):
        colour = known[label]
        if colour is None or colour in taken:
            colour = next(spare, None) or series_colour(index)
        taken.append(colour)
    return taken
