"""Registers the optimizer `emotion2vec_adamw`: torch's fused AdamW, with parameters exempt from weight decay."""

from collections.abc import Iterable
from typing import Any

import torch
from fairseq.optim import FairseqOptimizer, register_optimizer
from torch.nn import Parameter

from emotion2vec.fairseq_plugin.config import OptimizerConfig


def _is_exempt(parameter: Parameter) -> bool:
    overrides = getattr(parameter, "optim_overrides", {}).get("optimizer", {})
    return overrides.get("weight_decay_scale") == 0


@register_optimizer("emotion2vec_adamw", dataclass=OptimizerConfig)
class Emotion2VecAdamW(FairseqOptimizer):  # type: ignore[misc]
    """Adam with decoupled weight decay 0.01 except on biases, norms and ALiBi scales (Section 4.2)."""

    def __init__(self, cfg: OptimizerConfig, params: Iterable[Parameter]) -> None:
        super().__init__(cfg)
        parameters = list(params)
        groups = [
            {
                "params": [p for p in parameters if not _is_exempt(p)],
                "weight_decay": cfg.weight_decay,
            },
            {"params": [p for p in parameters if _is_exempt(p)], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=cfg.lr[0],
            betas=(cfg.betas[0], cfg.betas[1]),
            eps=cfg.eps,
            fused=True,
        )

    def step(self, closure: Any = None, scale: float = 1.0, groups: Any = None) -> None:
        """Update the parameters.

        A layer that layer drop skipped in every micro-batch has no gradient on one device, but a zero one after a
        reduction over several. It is zero here too: the step does not depend on the number of devices.
        """
        for parameter in self.params:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        super().step(closure, scale, groups)

    @property
    def optimizer_config(self) -> dict[str, Any]:
        """What may be overridden when a checkpoint is loaded; weight decay differs between groups and is not."""
        return {"lr": self.cfg.lr[0], "betas": tuple(self.cfg.betas), "eps": self.cfg.eps}
