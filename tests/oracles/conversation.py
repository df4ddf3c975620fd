"""Windows of conversations and the GRUs over them, written one step at a time, from the paper's Section 5.4."""

import torch
from torch import Tensor, nn

from emotion2vec.data.utterance import Utterance


def history_of(
    utterances: list[Utterance], target: str, num_turns: int
) -> list[tuple[list[str], bool]] | None:
    """Walk back from an utterance: (ids, said by the target's speaker) of each turn before it, the earliest first.

    None where the utterance does not open a turn, or opens its dialogue. Turns are told by who speaks alone.
    """
    row = next(utterance for utterance in utterances if utterance.id == target)
    before = [u for u in utterances if u.dialogue == row.dialogue and u.order < row.order]
    before.sort(key=lambda utterance: utterance.order)
    if not before or before[-1].speaker == row.speaker:
        return None
    history: list[tuple[list[str], bool]] = []
    speaking = None
    while before:
        last = before.pop()
        if last.speaker != speaking:
            if len(history) == num_turns:
                break
            history.insert(0, ([], last.speaker == row.speaker))
            speaking = last.speaker
        history[0][0].insert(0, last.id)
    return history


def gru_state(gru: nn.GRU, sequence: list[Tensor]) -> Tensor:
    """Run a GRU by its equations.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z likewise, n = tanh(W_in x + b_in + r (W_hn h + b_hn)),
    h = (1 - z) n + z h.
    """
    state = torch.zeros(gru.hidden_size, dtype=gru.weight_ih_l0.dtype)
    for item in sequence:
        from_item = (gru.weight_ih_l0 @ item + gru.bias_ih_l0).chunk(3)
        from_state = (gru.weight_hh_l0 @ state + gru.bias_hh_l0).chunk(3)
        reset = torch.sigmoid(from_item[0] + from_state[0])
        update = torch.sigmoid(from_item[1] + from_state[1])
        new = torch.tanh(from_item[2] + reset * from_state[2])
        state = (1 - update) * new + update * state
    return state


def logits(
    utterance_gru: nn.GRU,
    turn_gru: nn.GRU,
    output: nn.Linear,
    history: list[tuple[list[Tensor], bool]],
) -> Tensor:
    """Classify one window: utterances of a turn -> turn vector, turns with who speaks -> state -> logits."""
    turns = []
    for vectors, same in history:
        speaker = torch.tensor([0.0, 1.0] if same else [1.0, 0.0], dtype=vectors[0].dtype)
        turns.append(torch.cat([gru_state(utterance_gru, vectors), speaker]))
    return output.weight @ gru_state(turn_gru, turns) + output.bias
