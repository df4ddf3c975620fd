"""Order, turns and times within a dialogue."""

import pytest

from emotion2vec.corpora.dialogue import Place, Spoken, clock_seconds, number_turns


def _turns(*speakers: str | None) -> list[int]:
    dialogue = [Spoken(f"u{begin}", begin, name) for begin, name in enumerate(speakers)]
    return [place.turn for place in number_turns(dialogue).values()]


def test_utterances_are_ordered_by_their_begin_whatever_order_they_come_in() -> None:
    dialogue = [Spoken("last", 9.5, "a"), Spoken("first", -1.0, "b"), Spoken("middle", 3.0, "a")]
    assert number_turns(dialogue) == {
        "first": Place(0, 0),
        "middle": Place(1, 1),
        "last": Place(2, 1),
    }


def test_a_turn_lasts_until_another_speaker_begins() -> None:
    assert _turns("a", "a", "b", "a", "a", "a", "c") == [0, 0, 1, 2, 2, 2, 3]


def test_an_utterance_of_an_unknown_speaker_is_a_turn_of_its_own() -> None:
    assert _turns("a", None, None, "a", "a") == [0, 1, 2, 3, 3]


def test_utterances_that_begin_together_keep_the_given_order() -> None:
    dialogue = [Spoken("z", 1.0, "a"), Spoken("b", 1.0, "b"), Spoken("a", 1.0, "b")]
    assert list(number_turns(dialogue)) == ["z", "b", "a"]


def test_the_order_has_no_gaps_and_an_empty_dialogue_no_places() -> None:
    places = number_turns([Spoken(str(begin), begin, "a") for begin in (7, 3, 5)])
    assert [place.order for place in places.values()] == [0, 1, 2]
    assert number_turns([]) == {}


def test_an_utterance_given_twice_is_an_error_of_the_parser() -> None:
    with pytest.raises(AssertionError, match="u is in its dialogue twice"):
        number_turns([Spoken("u", 0, "a"), Spoken("u", 1, "a")])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:14:38,127", 878.127),
        ("0:12:43,012", 763.012),
        ("1:00:00.5", None),
        ("01:00:00.500", 3600.5),
        ("00:00:01:04", 1.16),
        (" 00:00:00:24 ", 0.96),
        ("00:00", None),
        ("", None),
        ("noon", None),
    ],
)
def test_a_subtitle_s_time_is_read_with_milliseconds_or_frames(
    text: str, seconds: float | None
) -> None:
    assert clock_seconds(text) == seconds
