"""Order, turns and times of a dialogue's utterances.

In: who begins to speak when, of parsers whose corpora are conversations. Out: `order`, `turn` and `start_s` of their
utterances.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_CLOCK = re.compile(r"(\d+):(\d\d?):(\d\d?)(?:[,.](?P<milliseconds>\d{3})|:(?P<frames>\d\d))")


@dataclass(frozen=True)
class Spoken:
    """One utterance of a dialogue.

    Attributes:
        id: Unique name within the dialogue.
        begin: Where it begins: seconds, or a number that grows through the dialogue.
        speaker: Who speaks; None where it is unknown.
    """

    id: str
    begin: float
    speaker: str | None


@dataclass(frozen=True)
class Place:
    """Where in its dialogue an utterance stands.

    Attributes:
        order: Its place, from 0.
        turn: Its turn, from 0.
    """

    order: int
    turn: int


def number_turns(dialogue: Iterable[Spoken]) -> dict[str, Place]:
    """Number the utterances of one dialogue and the turns that they make.

    A turn is all that one speaker says until another one begins. Utterances that begin together keep the given order;
    one whose speaker is unknown is a turn of its own. Give all utterances of the dialogue, also those that the corpus
    then leaves out: who spoke in between does not depend on the labels.

    >>> places = number_turns([Spoken("c", 5.0, "Ann"), Spoken("a", 0.5, "Ann"), Spoken("b", 2.0, "Bob")])
    >>> [(name, place.order, place.turn) for name, place in places.items()]
    [('a', 0, 0), ('b', 1, 1), ('c', 2, 2)]
    """
    places: dict[str, Place] = {}
    turn = -1
    previous: str | None = None
    for order, spoken in enumerate(sorted(dialogue, key=lambda item: item.begin)):
        assert spoken.id not in places, f"{spoken.id} is in its dialogue twice"
        if spoken.speaker is None or spoken.speaker != previous:
            turn += 1
        previous = spoken.speaker
        places[spoken.id] = Place(order, turn)
    return places


def clock_seconds(text: str, *, frames_per_s: int = 25) -> float | None:
    """Return the seconds of a subtitle's time, or None when it is none.

    Args:
        text: Hours, minutes, seconds, then milliseconds after a comma or point, or frames after a colon.
        frames_per_s: Video frames in a second.

    >>> clock_seconds("00:14:38,127"), clock_seconds("0:00:01:04")
    (878.127, 1.16)
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(part) for part in match.groups()[:3])
    rest = int(match["milliseconds"]) / 1000 if match["milliseconds"] else 0.0
    rest += int(match["frames"]) / frames_per_s if match["frames"] else 0.0
    return round(3600 * hours + 60 * minutes + seconds + rest, 3)
