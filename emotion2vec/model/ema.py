"""The teacher: an exponentially moving average of the student's backbone.

In: the student's backbone after an optimizer step. Out: layer outputs for `targets.py`.
Paper: Eq. 10, Section 3.4. The teacher has no feature extractor of its own: it reads the student's, which is what
"the parameters of teacher feature extractor F^T are copied directly from F^S" amounts to.
"""

import contextlib
import copy
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from emotion2vec.model.context import ContextEncoder, ContextOutput


def annealed_decay(update: int, *, start: float, end: float, anneal_updates: int) -> float:
    """Return tau of the given update: linear from `start` to `end` over `anneal_updates`, then `end` (Section 4.2).

    Args:
        update: Number of the optimizer step that was just made, from 1.
        start: tau_s.
        end: tau_e.
        anneal_updates: Update at which `end` is reached.
    """
    if update >= anneal_updates:
        return end
    return start + (end - start) * update / anneal_updates


class EmaTeacher(nn.Module):
    """Holds the averaged backbone: always in eval mode, never trained, never below float32.

    Parameters whose names begin with one of `copied` are not averaged but follow the student at once: data2vec's
    `ema_layers_only` does so with the convolutional positions, as both do with the feature extractor.

    DEVIATION from "same precision as the student": with tau = 0.99999 an update in half precision would round to no
    change, so the parameters stay float32 through `model.half()`; the forward pass runs at the student's precision.
    """

    def __init__(self, student: ContextEncoder, *, copied: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.copied = copied
        self.context = copy.deepcopy(student).eval()
        for parameter in self.context.parameters():
            parameter.requires_grad = False

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002, FBT001, FBT002 - signature of nn.Module
        """Stay in eval mode: the teacher has no dropout and no layer drop."""
        return super().train(mode=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002
        """Follow the model to another device, but not to a lower precision."""

        def keep_precision(tensor: Tensor) -> Tensor:
            """Move a tensor, at float32 at least."""
            moved = fn(tensor)
            lowered = moved.is_floating_point() and torch.finfo(moved.dtype).bits < 32
            return tensor.to(moved.device) if lowered else moved

        return super()._apply(keep_precision, recurse)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def forward(self, frames_BTD: Tensor, padding_BT: Tensor | None = None) -> ContextOutput:
        """Encode the whole, unmasked sequence.

        Args:
            frames_BTD: The student's projected frames, (B, T, D).
            padding_BT: True where the frame is padding, (B, T).
        """
        dtype = self.context.input_norm.weight.dtype
        precision: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if torch.finfo(frames_BTD.dtype).bits < 32:
            precision = torch.autocast(frames_BTD.device.type, dtype=frames_BTD.dtype)
        with precision:
            return self.context(frames_BTD.to(dtype), padding_RT=padding_BT)

    @torch.no_grad()
    def update(self, student: ContextEncoder, decay: float) -> None:
        """theta_T <- tau * theta_T + (1 - tau) * theta_S for every parameter that is not copied (Eq. 10).

        Args:
            student: Backbone after the optimizer step.
            decay: tau.
        """
        averages: list[Tensor] = []
        values: list[Tensor] = []
        followed = dict(student.named_parameters())
        for name, average in self.context.named_parameters():
            if name.startswith(self.copied):
                average.copy_(followed[name])
            else:
                averages.append(average)
                values.append(followed[name].to(average.dtype))
        torch._foreach_mul_(averages, decay)
        torch._foreach_add_(averages, values, alpha=1.0 - decay)

    @torch.no_grad()
    def copy_from(self, student: ContextEncoder) -> None:
        """Start over as a copy of the student (theta_T0 = theta_S0, Section 3.4)."""
        self.update(student, decay=0.0)
