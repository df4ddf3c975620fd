"""Order and turns of a dialogue's utterances.

In: who begins to speak when, of parsers whose corpora are conversations. Out: `order` and `turn` of their utterances.
"""

from collections.abc import Iterable
from dataclasses import dataclass


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
