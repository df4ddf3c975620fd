"""Two GRUs, one above the other: utterances of a turn -> turn vector; turns in order -> emotion of the next turn.

In: utterance vectors of a batch of windows, as `ConversationBatch`. Out: logits (B, K) for `conversation_train.py`.
B windows, R turns, U utterances of the longest turn, P turns of the longest window, D width, H hidden width, K labels.
Paper: Section 5.4 and its summary of Shi et al. (2023).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

# says whose turn it is: the target's speaker, or another one
_SPEAKER_DIM = 2


@dataclass(frozen=True)
class ConversationBatch:
    """Windows of a batch; a turn that several windows hear is there once.

    Attributes:
        turns_RUD: Utterance vectors of each turn, (R, U, D), what is beyond its length being anything.
        lengths_R: Utterances of each turn, (R,) int64 on the CPU.
        turn_BP: Which turn of R a window hears at each place, earliest first, (B, P) int64; anything beyond its number.
        num_turns_B: Turns of each window, (B,) int64 on the CPU.
        same_BP: 1 where the target's speaker says the turn, else 0, (B, P) int64.
    """

    turns_RUD: Tensor
    lengths_R: Tensor
    turn_BP: Tensor
    num_turns_B: Tensor
    same_BP: Tensor


class ConversationHead(nn.Module):
    """Hierarchical GRUs with a linear classifier."""

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_labels: int,
        *,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draw the weights as torch does, from a generator of one's own.

        Args:
            feature_dim: Width D of an utterance's vector.
            hidden_dim: Width H of both GRUs.
            num_labels: Number of labels K.
            dropout: Share of a turn vector's and of the state's values that is dropped in training.
            generator: Source of the initial weights; None is torch's own.
        """
        super().__init__()
        self.utterance_gru = nn.GRU(feature_dim, hidden_dim, batch_first=True)
        self.turn_gru = nn.GRU(hidden_dim + _SPEAKER_DIM, hidden_dim, batch_first=True)
        self.output = nn.Linear(hidden_dim, num_labels)
        self.dropout = dropout
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden_dim**-0.5), hidden_dim**-0.5, generator=generator)

    def forward(
        self, batch: ConversationBatch, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return logits (B, K).

        Args:
            batch: The windows.
            generator: CPU source of dropout; None drops nothing, as in a test.
        """
        turn_RH = _last_state(self.utterance_gru, batch.turns_RUD, batch.lengths_R)
        turn_RH = self._drop(turn_RH, generator)
        speaker_BPC = nn.functional.one_hot(batch.same_BP, _SPEAKER_DIM).to(turn_RH.dtype)
        history_BPE = torch.cat([turn_RH[batch.turn_BP], speaker_BPC], dim=-1)
        state_BH = _last_state(self.turn_gru, history_BPE, batch.num_turns_B)
        logits: Tensor = self.output(self._drop(state_BH, generator))
        return logits

    def _drop(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        if generator is None or not self.dropout:
            return values
        kept = torch.rand(values.shape, generator=generator) >= self.dropout
        return values * kept.to(values.device) / (1 - self.dropout)


def _last_state(gru: nn.GRU, sequences: Tensor, lengths: Tensor) -> Tensor:
    """Return the state after each sequence's last item; what is behind it is not read."""
    packed = pack_padded_sequence(sequences, lengths, batch_first=True, enforce_sorted=False)
    _, state = gru(packed)  # (1, B, H)
    last: Tensor = state[0]
    return last
