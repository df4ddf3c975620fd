import colorsys

import pytest

from emotion2vec.data.labels import EMOTIONS
from emotion2vec.report.arousal import AROUSAL, HIGH, LOW, arousal_of, order_by_arousal
from emotion2vec.report.palette import UNGROUPED_COLOUR, arousal_colours


def hue_deg(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 360 * colorsys.rgb_to_hsv(red, green, blue)[0]


def test_red_tones_are_low_and_blue_tones_high_arousal_as_in_figure_3() -> None:
    for label, colour in zip(AROUSAL, arousal_colours(list(AROUSAL)), strict=True):
        low = hue_deg(colour) < 30 or hue_deg(colour) > 330
        high = 170 < hue_deg(colour) < 270
        assert (low, high) == (AROUSAL[label] == LOW, AROUSAL[label] == HIGH), label


def test_the_four_classes_of_iemocap_are_two_of_low_and_two_of_high_arousal() -> None:
    groups = [arousal_of(label) for label in ("neutral", "sad", "angry", "happy")]
    assert groups == [LOW, LOW, HIGH, HIGH]


def test_every_emotion_of_the_project_has_a_group_or_is_known_to_have_none() -> None:
    assert set(EMOTIONS) - set(AROUSAL) == {
        "contempt", "negative", "positive", "highly_negative", "weakly_negative", "weakly_positive",
        "highly_positive", "other", "no_agreement",
    }  # fmt: skip


def test_every_class_has_a_tone_of_its_own() -> None:
    assert len(set(arousal_colours(list(AROUSAL)))) == len(AROUSAL)


@pytest.mark.parametrize("labels", [["anger", "angry", "sad"], ["joy", "happy", "happiness"]])
def test_two_words_of_one_emotion_are_told_apart(labels: list[str]) -> None:
    colours = arousal_colours(labels)
    assert len(set(colours)) == len(labels)
    assert 170 < hue_deg(colours[1]) < 270


def test_a_label_without_a_group_is_grey_and_comes_last() -> None:
    assert order_by_arousal(["contempt", "angry", "sad"]) == ["sad", "angry", "contempt"]
    assert arousal_colours(["contempt"]) == [UNGROUPED_COLOUR]
