"""Keeps the head of the best validation while its training goes on.

In: a head in training and the scores of each validation. Out: the best weights back in the head, and what `RunResult`
says of the validations, for `trainer.py` and `conversation_train.py`.
"""

from torch import nn

from emotion2vec.probe.metrics import Scores


class BestHead:
    """The best validation so far, the first of equals.

    Attributes:
        number: Its number, from 1; 0 before the first.
        scores: Its scores.
        curve: (number, training loss, WA) of every validation.
    """

    def __init__(self, head: nn.Module, *, metric: str) -> None:
        """Begin before the first validation.

        Args:
            head: What is trained.
            metric: Attribute of `Scores` that decides.
        """
        self.number, self.scores = 0, Scores(-1, -1, -1, -1)
        self.curve: list[tuple[int, float, float]] = []
        self._head, self._metric = head, metric
        self._state = head.state_dict()

    def offer(self, number: int, loss: float, found: Scores) -> None:
        """Keep the head as it is now if it is better than all before."""
        self.curve.append((number, loss, found.wa))
        if getattr(found, self._metric) > getattr(self.scores, self._metric):
            self.number, self.scores = number, found
            self._state = {name: tensor.clone() for name, tensor in self._head.state_dict().items()}

    def restore(self) -> None:
        """Put the best weights back into the head."""
        self._head.load_state_dict(self._state)
