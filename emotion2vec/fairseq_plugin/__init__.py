"""The fairseq side: registers task, model, criterion, optimizer and learning-rate schedule; holds no mathematics.

fairseq imports this package through `common.user_dir`; library code that needs the registry imports it itself.
"""

from emotion2vec.fairseq_plugin import criterion, model, optimizer, schedule, task

__all__ = ["criterion", "model", "optimizer", "schedule", "task"]
