"""Colours of classes and runs; strong enough on white and on near-black.

In: labels. Out: label -> colour, the same in every picture of a report. Paper: Figures 3 and 4.
"""

from collections.abc import Mapping, Sequence

from emotion2vec.report.arousal import arousal_of, emotion_word

# One colour for each emotion, for pictures of classes. Figure 3 has tones of arousal instead: `arousal_colours`.
_EMOTION_COLOURS = {
    "angry": "#e5484d",
    "happy": "#f2a60d",
    "sad": "#3e7bfa",
    "neutral": "#8b8d98",
    "fear": "#8e4ec6",
    "disgust": "#46a758",
    "surprise": "#f27bc8",
    "calm": "#12a594",
    "boredom": "#a18072",
}
_SERIES_COLOURS = (
    "#3e7bfa", "#f76808", "#12a594", "#8e4ec6", "#e5484d", "#46a758", "#e93d82", "#a18072",
    "#00a2c7", "#b5a100", "#6e56cf", "#8b8d98",
)  # fmt: skip

# Figure 3 of the paper: "Red and Blue tones mean low and high arousal emotional classes, respectively."
_AROUSAL_TONES = {
    "sad": "#c5222b",
    "neutral": "#f58f86",
    "calm": "#f0702a",
    "boredom": "#a8506b",
    "angry": "#2456e6",
    "happy": "#3fb6ee",
    "fear": "#7b61ea",
    "surprise": "#0e8fb0",
    "disgust": "#93a9f5",
    "excited": "#1f9d9d",
    "frustrated": "#5a82b4",
    "enthusiasm": "#a78bfa",
}
UNGROUPED_COLOUR = "#8b8d98"


def series_colour(index: int) -> str:
    """Return the colour of the i-th line of a chart; repeats after twelve."""
    return _SERIES_COLOURS[index % len(_SERIES_COLOURS)]


def class_colours(labels: Sequence[str]) -> list[str]:
    """Return one colour per label, distinct for up to twelve labels.

    >>> class_colours(["angry", "unheard-of"])
    ['#e5484d', '#3e7bfa']
    """
    taken: list[str] = []
    spare = _unused(_SERIES_COLOURS, labels, _EMOTION_COLOURS)
    for index, label in enumerate(labels):
        colour = _EMOTION_COLOURS.get(emotion_word(label))
        if colour is None or colour in taken:
            colour = spare.pop(0) if spare else series_colour(index)
        taken.append(colour)
    return taken


def arousal_colours(labels: Sequence[str]) -> list[str]:
    """Return red tones for classes of low arousal, blue tones for high, grey for those without a group.

    Two labels that are one emotion (`anger`, `angry`) get two tones of their group while there are some.

    >>> arousal_colours(["neutral", "angry", "other"])
    ['#f58f86', '#2456e6', '#8b8d98']
    """
    taken: list[str] = []
    for label in labels:
        group = arousal_of(label)
        if group is None:
            taken.append(UNGROUPED_COLOUR)
            continue
        colour = _AROUSAL_TONES[emotion_word(label)]
        if colour in taken:
            tones = [tone for word, tone in _AROUSAL_TONES.items() if arousal_of(word) == group]
            spare = [t for t in _unused(tones, labels, _AROUSAL_TONES) if t not in taken]
            colour = spare[0] if spare else colour
        taken.append(colour)
    return taken


def _unused(colours: Sequence[str], labels: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Return the colours that no label has for its own."""
    own = {known.get(emotion_word(label)) for label in labels}
    return [colour for colour in colours if colour not in own]
