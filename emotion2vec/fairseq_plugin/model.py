"""Registers the model `emotion2vec` and forwards calls to `emotion2vec/model/`."""

import logging
from pathlib import Path
from typing import Any, Self

import torch
from fairseq.models import BaseFairseqModel, register_model
from omegaconf import OmegaConf

from emotion2vec.fairseq_plugin.config import PretrainingModelConfig
from emotion2vec.model.checkpoint import OUR_MODEL_NAME
from emotion2vec.model.compiled import compile_layers
from emotion2vec.model.config import ModelConfig
from emotion2vec.model.emotion2vec import Emotion2VecPretraining, PretrainOutput
from emotion2vec.model.factory import build_pretraining_model
from emotion2vec.model.initialise import initialise_from
from emotion2vec.structs import PretrainBatch

logger = logging.getLogger(__name__)


@register_model(OUR_MODEL_NAME, dataclass=PretrainingModelConfig)
class Emotion2VecModel(Emotion2VecPretraining, BaseFairseqModel):  # type: ignore[misc]
    """Student, decoder and teacher under fairseq's trainer."""

    def __init__(self, parts: Emotion2VecPretraining, *, bf16_autocast: bool) -> None:
        super().__init__(parts.student, parts.decoder, parts.teacher, parts.config)
        self.bf16_autocast = bf16_autocast
        for name, parameter in self.named_parameters():
            if parameter.dim() == 1 or name.endswith("alibi.scale"):
                # fairseq's own way to exempt a parameter; `optimizer.py` and fairseq's composite optimizer read it
                setattr(parameter, "optim_overrides", {"optimizer": {"weight_decay_scale": 0}})  # noqa: B010

    @classmethod
    def build_model(cls, cfg: PretrainingModelConfig, task: Any = None) -> Self:
        """Build the model and, when `init_from` is set, start it from a checkpoint.

        Raises:
            ConfigError: A value is impossible.
            CheckpointError: `init_from` cannot be used.
        """
        values: Any = (
            OmegaConf.to_container(cfg, resolve=True) if OmegaConf.is_config(cfg) else vars(cfg)
        )
        parts = build_pretraining_model(ModelConfig.from_mapping(values))
        if cfg.init_from:
            report = initialise_from(parts, Path(cfg.init_from), teacher_init=cfg.teacher_init)
            logger.info("started from %s\n%s", cfg.init_from, report)
        elif cfg.teacher_init != "student":
            logger.info("teacher_init=%s has no effect without init_from", cfg.teacher_init)
        model = cls(parts, bf16_autocast=cfg.bf16_autocast)
        if values.get("compile_layers", False):
            compile_layers(model)
        return model

    def forward(self, batch: PretrainBatch) -> PretrainOutput:
        """Run one micro-batch, in bfloat16 where asked and safe."""
        device = batch.waveform_BS.device.type
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self.bf16_autocast):
            return super().forward(batch)

    def max_positions(self) -> None:
        """No limit of its own: the task crops."""
        return
