"""SIGTERM and SIGINT: finish the update, write a checkpoint, exit with status 0.

fairseq has no hook for this, but it stops and saves when the training time exceeds `stop_time_hours`; the handler only
raises a flag, and the task sets that limit between two updates, on every device in the same one.
"""

import logging
import os
import signal
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Remembers that the run was asked to stop."""

    def __init__(self, run_config: Any) -> None:
        """Take the run's whole config, whose stopping time is changed when the time has come."""
        self._run_config = run_config
        self._owner = os.getpid()
        self._requested = False

    def install(self) -> None:
        """Handle the signals from now on; a second one ends the process at once."""
        for number in _SIGNALS:
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            return  # a data-loading worker inherited the handler; its parent tells it when to stop
        self._requested = True
        logger.warning(
            "%s: stopping after this update with a checkpoint", signal.Signals(number).name
        )
        for other in _SIGNALS:
            signal.signal(other, signal.SIG_DFL)

    def apply(self, device: torch.device) -> None:
        """Between two updates: let fairseq stop if any device was asked to.

        Args:
            device: Where this process keeps its tensors.
        """
        requested = self._requested
        if dist.is_initialized():
            flag = torch.tensor(int(requested), device=device)
            dist.all_reduce(flag, op=dist.ReduceOp.MAX)
            requested = bool(flag.item())
        if requested:
            self._run_config.optimization.stop_time_hours = 1e-9
