"""Windows of conversations: which turns are heard, whose emotion is predicted, and proof that folds do not leak.

In: a manifest's utterances with dialogue, order, turn and speaker. Out: `Window`s for `conversation_head.py` and
`conversation_run.py`. A turn is what one speaker says until another one begins. Paper: Section 5.4.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import ProtocolError
from emotion2vec.probe.run_result import IndexFold

_NEEDED = ("dialogue", "order", "turn", "speaker")


@dataclass(frozen=True)
class Window:
    """One prediction; numbers are positions in the manifest.

    Attributes:
        target: The first utterance of the predicted turn; it is not heard.
        dialogue: The conversation that all of the window is from.
        turns: Utterances of each turn before it, the earliest turn first.
        same_speaker: For each of these turns, whether the target's speaker says it.
    """

    target: int
    dialogue: str
    turns: tuple[tuple[int, ...], ...]
    same_speaker: tuple[bool, ...]

    @property
    def heard(self) -> tuple[int, ...]:
        """All utterances of the input."""
        return tuple(position for turn in self.turns for position in turn)


def build_windows(
    utterances: Sequence[Utterance], *, history_turns: int, source: str
) -> tuple[Window, ...]:
    """Make a window for each turn that has another one before it.

    Args:
        utterances: All utterances, in any order.
        history_turns: Turns that are heard; fewer where the dialogue has only just begun.
        source: Where the utterances come from, for messages.

    Returns:
        Windows, in the order of their targets in the manifest.

    Raises:
        ProtocolError: Dialogues or turns are unknown or contradict each other, or no dialogue has two turns.
    """
    _check_columns(utterances, source)
    windows = []
    for dialogue, turns in _turns_of_dialogues(utterances, source).items():
        speakers = [utterances[turn[0]].speaker for turn in turns]
        for number in range(1, len(turns)):
            first = max(0, number - history_turns)
            same = tuple(speakers[i] == speakers[number] for i in range(first, number))
            windows.append(Window(turns[number][0], dialogue, tuple(turns[first:number]), same))
    if not windows:
        raise ProtocolError(
            f"{source}: no dialogue has two turns, so there is no history; prepare the whole corpus with all its "
            "emotions"
        )
    return tuple(sorted(windows, key=lambda window: window.target))


def count_gaps(utterances: Sequence[Utterance]) -> int:
    """Count utterances that the numbering of the dialogues knows but the manifest lacks.

    >>> count_gaps([Utterance(name, name, 1, dialogue="d", order=order) for name, order in (("a", 0), ("b", 3))])
    2
    """
    orders: dict[str, list[int]] = defaultdict(list)
    for utterance in utterances:
        orders[str(utterance.dialogue)].append(utterance.order or 0)
    return sum(max(order) + 1 - len(order) for order in orders.values())


def check_no_leak(
    windows: Sequence[Window], folds: Sequence[IndexFold], names: Sequence[str]
) -> None:
    """Prove that what a fold tests is in no dialogue and no input of its training part.

    Args:
        windows: All windows.
        folds: Positions in `windows`.
        names: Ids of the manifest's utterances.

    Raises:
        ProtocolError: A window hears its own future or another dialogue, or training and test share a dialogue or an
            utterance.
    """
    for number, fold in enumerate(folds, 1):
        train, test = ([windows[i] for i in part] for part in (fold.train, fold.test))
        shared = {window.dialogue for window in train} & {window.dialogue for window in test}
        if shared:
            raise ProtocolError(
                f"fold {number}: dialogue {sorted(shared)[0]!r} and {len(shared) - 1} others are in training and test; "
                "use rule=leave_one_speaker_out, or leave_one_group_out with group_by=session"
            )
        used = [
            {position for window in part for position in (window.target, *window.heard)}
            for part in (train, test)
        ]
        if used[0] & used[1]:
            raise ProtocolError(
                f"fold {number}: utterance {names[min(used[0] & used[1])]!r} is in training and test; "
                "prepare the corpus again: it belongs to two dialogues"
            )


def _check_columns(utterances: Sequence[Utterance], source: str) -> None:
    for column in _NEEDED:
        missing = [row.id for row in utterances if getattr(row, column) is None]
        if missing:
            raise ProtocolError(
                f"{source}: the {column} of {len(missing)} of {len(utterances)} utterances is unknown, e.g. "
                f"{missing[:3]}; predictions in conversation need the columns {', '.join(_NEEDED)} in utterances.tsv: "
                "prepare the corpus again with prepare_corpus.py"
            )


def _turns_of_dialogues(
    utterances: Sequence[Utterance], source: str
) -> dict[str, list[tuple[int, ...]]]:
    """Group positions by dialogue and turn, both in the order of speaking."""
    dialogues: dict[str, list[int]] = defaultdict(list)
    for position, utterance in enumerate(utterances):
        dialogues[str(utterance.dialogue)].append(position)
    result = {}
    for dialogue, positions in dialogues.items():
        positions.sort(key=lambda position: utterances[position].order or 0)
        _check_dialogue([utterances[position] for position in positions], source)
        turns: dict[int | None, list[int]] = defaultdict(list)
        for position in positions:
            turns[utterances[position].turn].append(position)
        result[dialogue] = [tuple(turn) for turn in turns.values()]
    return result


def _check_dialogue(rows: Sequence[Utterance], source: str) -> None:
    """Refuse an order that repeats, turns that go back, a turn of two speakers."""
    for before, row in pairwise(rows):
        turns = (before.turn or 0, row.turn or 0)
        split_turn = turns[0] == turns[1] and before.speaker != row.speaker
        if before.order == row.order or turns[0] > turns[1] or split_turn:
            raise ProtocolError(
                f"{source}: order, turn or speaker of {before.id!r} and {row.id!r} contradict each other in dialogue "
                f"{row.dialogue!r}; prepare the corpus again"
            )
