"""Which emotions are low and which are high in arousal, for the groups of Figure 3.

In: labels. Out: `low`, `high` or None for each. Paper: Section 5.6 and the caption of Figure 3, which speak of low and
high arousal classes of IEMOCAP without naming them.

The grouping is ours, after the halves of the circumplex of affect (Russell, 1980): anger, fear, joy, surprise and
disgust lie above its middle, sadness, boredom and calm below. `neutral` is its middle: low here, since the paper has
two groups for IEMOCAP's four classes. Every other label is left without a group: contempt, for which we know no such
place, sentiments, which say nothing of arousal, and labels that are no emotion.
"""

from collections.abc import Sequence

LOW, HIGH = "low", "high"

AROUSAL = {
    "neutral": LOW,
    "sad": LOW,
    "calm": LOW,
    "boredom": LOW,
    "angry": HIGH,
    "happy": HIGH,
    "fear": HIGH,
    "surprise": HIGH,
    "disgust": HIGH,
    "excited": HIGH,
    "frustrated": HIGH,
    "enthusiasm": HIGH,
}
# words of corpora that come through the reader of folders, which keeps their labels
_OTHER_WORDS = {
    "anger": "angry",
    "bored": "boredom",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


def emotion_word(label: str) -> str:
    """Return the project's word for an emotion; a label without one is returned as it is, in lower case.

    >>> emotion_word("Sadness")
    'sad'
    """
    return _OTHER_WORDS.get(label.lower(), label.lower())


def arousal_of(label: str) -> str | None:
    """Return `low`, `high`, or None where the table has no figure for the label.

    >>> arousal_of("anger"), arousal_of("neutral"), arousal_of("positive")
    ('high', 'low', None)
    """
    return AROUSAL.get(emotion_word(label))


def order_by_arousal(labels: Sequence[str]) -> list[str]:
    """Put low before high before labels without a group, otherwise in the order given.

    >>> order_by_arousal(["angry", "other", "neutral", "happy", "sad"])
    ['neutral', 'sad', 'angry', 'happy', 'other']
    """
    rank = {LOW: 0, HIGH: 1, None: 2}
    return sorted(labels, key=lambda label: rank[arousal_of(label)])
