"""Makes `checkpoint_last.pt` the newest whole checkpoint of a run before fairseq opens it.

fairseq writes numbered checkpoints atomically, but `checkpoint_last.pt` as a plain copy: a kill in that moment leaves
a file cut short, or the last but one. In: the run's folder. Out: a `checkpoint_last.pt` that can be loaded.
"""

import logging
import shutil
from pathlib import Path

import torch.distributed as dist

from emotion2vec.errors import CheckpointError
from emotion2vec.files import replacing
from emotion2vec.model.checkpoint import read_state

logger = logging.getLogger(__name__)

LAST = "checkpoint_last.pt"


def recover_last_checkpoint(folder: Path) -> None:
    """Replace a missing, damaged or outdated `checkpoint_last.pt` by the newest whole checkpoint.

    With several processes the first one does it while the others wait.

    Raises:
        CheckpointError: There are checkpoints, and none is whole.
    """
    is_first = not dist.is_initialized() or dist.get_rank() == 0
    try:
        if is_first:
            _recover(folder)
    finally:
        if dist.is_initialized():
            dist.barrier()


def _recover(folder: Path) -> None:
    last = folder / LAST
    candidates = sorted(folder.glob("checkpoint*.pt")) if folder.is_dir() else []
    updates: dict[Path, int] = {}
    for path in candidates:
        try:
            updates[path] = _num_updates(path)
        except CheckpointError as error:
            logger.warning("%s", error)
    if not candidates:
        return
    if not updates:
        raise CheckpointError(
            f"{folder}: none of its {len(candidates)} checkpoints is whole; move them away to start the run afresh"
        )
    newest = max(updates, key=lambda path: (updates[path], path == last))
    if newest == last:
        return
    state = (
        f"is of update {updates[last]}"
        if last in updates
        else "is damaged"
        if last.exists()
        else "is missing"
    )
    logger.warning("%s %s; resuming from %s (update %d)", last, state, newest.name, updates[newest])
    with replacing(last) as temporary:
        shutil.copyfile(newest, temporary)


def _num_updates(path: Path) -> int:
    """Read how many updates a checkpoint holds; its tensors stay on disk."""
    history = read_state(path).get("optimizer_history")
    if not history or "num_updates" not in history[-1]:
        raise CheckpointError(f"{path}: not a training checkpoint (it has no optimizer history)")
    return int(history[-1]["num_updates"])
