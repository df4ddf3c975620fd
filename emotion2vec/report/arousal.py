"""Which emotions are low and which are high in arousal, for the groups of Figure 3.

In: labels. Out: `low`, `high` or None for each. Paper: Section 5.6 and the caption of Figure 3, which speak of low and
high arousal classes of IEMOCAP without naming them.

Source: the sign of the arousal that Russell and Mehrabian ("Evidence for a three-factor theory of emotions", 1977) give
the word, on a scale from -1 to 1: happy 0.51, angry 0.59, fearful 0.60, surprised 0.67, excited 0.75, frustrated 0.52,
disgusted 0.35, sad -0.27, bored -0.62; `calm` lies below zero too in Russell's circumplex (1980). `enthusiasm` is a
marker of high activation in Watson and Tellegen (1985). `neutral` is the scale's zero: low here, since the paper has
two groups for IEMOCAP's four classes. Every other label is left without a group: contempt, for which we know no such
figure, sentiments, which say nothing of arousal, and labels that are no emotion.
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
