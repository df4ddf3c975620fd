"""SIGTERM and SIGINT: finish the update, write a checkpoint, exit with status 0.

fairseq has no hook for this, but it stops and saves when the training time exceeds `stop_time_hours`; the handler only
raises a flag, and the task sets that limit between two updates, on every device in the same one.

A signal may come to one process or, from a terminal or torchrun, to the whole group: data-loading workers leave the
group, and a launcher that has started a process for each GPU passes the signal on and waits for them.
"""

import logging
import multiprocessing
import os
import signal
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# The launcher's word to its processes. Not one of the two above: a terminal sends those to all of them anyway, and a
# second one ends a process at once.
_PASSED_ON = signal.SIGUSR1


def pass_on_signals() -> None:
    """In a launcher: ask the processes that it has started to stop, and let it wait for them.

    Without processes, or with a second signal, the signal does what it does by default. A single process that trains
    by itself replaces this by `StopRequest.install`.
    """
    for number in _SIGNALS:
        signal.signal(number, _pass_on)


def _pass_on(number: int, _frame: FrameType | None) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_DFL)
    processes = multiprocessing.active_children()
    for process in processes:
        os.kill(process.pid or 0, _PASSED_ON)
    if not processes:
        os.kill(os.getpid(), number)


def leave_process_group() -> None:
    """In a data-loading worker: hear no signal that is sent to the whole group; the parent ends its workers.

    torch ends a worker on SIGTERM, and the run with it, before the update is done and the checkpoint written. The
    signal itself cannot be ignored: it is also how the parent ends a worker.
    """
    if os.getpgrp() != os.getpid():
        os.setpgrp()


class StopRequest:
    """Remembers that the run was asked to stop."""

    def __init__(self, run_config: Any) -> None:
        """Take the run's whole config, whose stopping time is changed when the time has come."""
        self._run_config = run_config
        self._owner = os.getpid()
        self._requested = False

    def install(self) -> None:
        """Handle the signals from now on; a second one ends the process at once."""
        for number in (*_SIGNALS, _PASSED_ON):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._owner:
            return  # a data-loading worker that has just inherited the handler; its parent tells it when to stop
        is_first, self._requested = (
            not self._requested,
            True,
        )  # another signal may come while this one is logged
        if is_first:
            logger.warning(
                "%s: stopping after this update with a checkpoint", signal.Signals(number).name
            )
        if number in _SIGNALS:
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
