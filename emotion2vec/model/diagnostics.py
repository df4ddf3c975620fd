"""Signs of collapse: figures of spread, and the limits below which a run is stopped or warned about.

In: predictions and targets of a batch. Out: scalars for the log; `CollapseError`.
`target_var` and `pred_var` are data2vec's figures of the same names, which are standard deviations, in fact;
`utterance_target_var` is the same figure of the utterance targets of a batch. None falls below 0.001.
"""

import logging
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from emotion2vec.errors import CollapseError
from emotion2vec.model.config import ModelConfig

logger = logging.getLogger(__name__)

WARN_EVERY = 1000  # updates between two warnings about the utterance target

_BY_NORM = (
    "model.utterance_target_norm=instance makes it zero by construction and the utterance loss teaches nothing: "
    "use `layer`"
)
_BY_COLLAPSE = (
    "the teacher tells positions apart but not utterances: try a lower learning rate, a slower teacher "
    "(model.ema_decay closer to 1) or an initial model (model.init_from)"
)


@dataclass(frozen=True)
class Diagnostics:
    """Spread of one micro-batch, each a scalar tensor.

    Attributes:
        target_var: Standard deviation of the frame targets over masked frames, averaged over channels.
        pred_var: The same of the student's predictions.
        utterance_target_var: The same of the utterance targets over the batch; NaN for a batch of one.
        masked_share: Masked frames / all frames.
    """

    target_var: Tensor
    pred_var: Tensor
    utterance_target_var: Tensor
    masked_share: Tensor


@torch.no_grad()
def channel_std(values_ND: Tensor) -> Tensor:
    """Return the mean over channels of sqrt(variance over rows + 1e-6), a scalar; NaN for a single row.

    Source: data2vec's `compute_var`.
    """
    if values_ND.size(0) < 2:
        return values_ND.new_full((), math.nan)
    values_ND = values_ND.to(torch.promote_types(values_ND.dtype, torch.float32))
    return (values_ND.var(dim=0) + 1e-6).sqrt().mean()


class CollapseMonitor:
    """Compares the figures of spread with the config's limits."""

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self._next_warning = 0

    def check(self, figures: dict[str, float], *, update: int) -> None:
        """Stop or warn when a figure is below its limit.

        Args:
            figures: `target_var`, `pred_var`, `utterance_target_var`, averaged over an effective batch.
            update: Number of updates made so far.

        Raises:
            CollapseError: Targets or predictions no longer vary, after `collapse_check_after` updates.
        """
        limits = {"target_var": self.config.min_target_var, "pred_var": self.config.min_pred_var}
        for name, limit in limits.items():
            value = figures.get(name, math.nan)
            if (
                self.config.frame_loss_weight
                and update > self.config.collapse_check_after
                and value < limit
            ):
                raise CollapseError(
                    f"pre-training has collapsed at update {update}: {name}={value:.4g} is below its limit "
                    f"{limit:g}; try a lower learning rate, a longer warm-up, a larger batch or an initial model "
                    f"(model.init_from), or lower model.min_{name} if this is expected"
                )
        self._warn_degenerate_utterance_target(
            figures.get("utterance_target_var", math.nan), update
        )

    def _warn_degenerate_utterance_target(self, value: float, update: int) -> None:
        """Warn when every utterance has the same target, at most once in `WARN_EVERY` updates.

        With any norm but `instance`, this is also how a collapse to position shows: `target_var` stays high, because
        every utterance's targets rise and fall in the same places.
        """
        if not value < self.config.min_utterance_target_var or update < self._next_warning:
            return
        by_norm = self.config.utterance_target_norm == "instance"
        if by_norm and not self.config.utterance_loss_weight:
            return
        self._next_warning = update + WARN_EVERY
        logger.warning(
            "the utterance target is degenerate at update %d: utterance_target_var=%.3g is below %g, so every "
            "utterance has the same target; %s",
            update, value, self.config.min_utterance_target_var, _BY_NORM if by_norm else _BY_COLLAPSE,
        )  # fmt: skip
