"""Small models and batches, and their counterparts for the whole-forward oracle."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from emotion2vec.model.config import ModelConfig
from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.factory import build_pretraining_model
from emotion2vec.model.key_map import to_fairseq
from emotion2vec.model.masking import draw_span_mask, num_masked_frames
from emotion2vec.seeding import derive_rng
from emotion2vec.structs import PretrainBatch, num_frames
from tests.oracles.data2vec_forward import Data2VecOracle
from tests.oracles.pretraining_forward import OracleModel, OracleSettings

NO_RANDOMNESS: dict[str, Any] = {
    "encoder_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "post_mlp_drop": 0.0,
    "prenet_dropout": 0.0,
    "layerdrop": 0.0,
    "prenet_layerdrop": 0.0,
    "decoder_input_dropout": 0.0,
    "mask_noise_std": 0.0,
}

TINY: dict[str, Any] = {
    "conv_dim": 8,
    "embed_dim": 16,
    "num_heads": 2,
    "mlp_ratio": 2.0,
    "prenet_depth": 1,
    "depth": 2,
    "conv_pos_width": 15,
    "conv_pos_depth": 2,
    "conv_pos_groups": 4,
    "clone_batch": 2,
    "decoder_dim": 8,
    "decoder_layers": 2,
    "decoder_kernel": 3,
    "decoder_groups": 2,
    "average_top_k_layers": 2,
    "num_utterance_tokens": 3,
}


def tiny_config(**overrides: Any) -> ModelConfig:
    """Return a width-16 config with 1 + 2 layers and nothing random."""
    return ModelConfig(**{**TINY, **NO_RANDOMNESS, **overrides})


def tiny_model(*, seed: int = 0, **overrides: Any) -> Emotion2VecPretraining:
    """Build a float64 model in training mode whose every weight, teacher's included, is random.

    Fresh weights would hide mistakes: norms at one and zero, biases at zero, the teacher equal to the student.
    """
    torch.manual_seed(seed)
    model = build_pretraining_model(tiny_config(**overrides)).double().train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def span_masks(lengths: Sequence[int], *, num_clones: int, num_masked: int | None = None) -> Tensor:
    """Draw masks (B, C, T) with as many masked frames in every row, none of them padding."""
    frames = [num_frames(length) for length in lengths]
    if num_masked is None:
        num_masked = num_masked_frames(min(frames), 0.5)
    rows = [
        [
            draw_span_mask(
                max(frames), num_valid=valid, num_masked=num_masked, span_frames=3, prob=0.5,
                prob_adjust=0.05, rng=derive_rng("mask", b, c),
            ).tolist()
            for c in range(num_clones)
        ]
        for b, valid in enumerate(frames)
    ]  # fmt: skip
    return torch.tensor(rows)


def make_batch(
    lengths: Sequence[int], *, num_clones: int = 2, fill: float = 0.0, seed: int = 0
) -> PretrainBatch:
    """Make a float64 batch of noise; `fill` is what padded samples hold."""
    generator = torch.Generator().manual_seed(seed)
    waveform_BS = torch.randn(len(lengths), max(lengths), dtype=torch.float64, generator=generator)
    positions_S = torch.arange(max(lengths))
    padding_BS = positions_S[None] >= torch.tensor(list(lengths))[:, None]
    return PretrainBatch(
        waveform_BS=waveform_BS.masked_fill(padding_BS, fill),
        padding_BS=padding_BS if bool(padding_BS.any()) else None,
        masked_BCT=span_masks(lengths, num_clones=num_clones),
    )


def pick(batch: PretrainBatch, rows: slice) -> PretrainBatch:
    """Return some utterances of a batch."""
    padding_BS = None if batch.padding_BS is None else batch.padding_BS[rows]
    return PretrainBatch(batch.waveform_BS[rows], padding_BS, batch.masked_BCT[rows])


def alone(batch: PretrainBatch, row: int) -> PretrainBatch:
    """Return one utterance of a batch without its padding."""
    num_samples = batch.waveform_BS.size(1)
    if batch.padding_BS is not None:
        num_samples = int((~batch.padding_BS[row]).sum())
    return PretrainBatch(
        waveform_BS=batch.waveform_BS[row : row + 1, :num_samples],
        padding_BS=None,
        masked_BCT=batch.masked_BCT[row : row + 1, :, : num_frames(num_samples)],
    )


def oracle_settings(config: ModelConfig) -> OracleSettings:
    """Tell the oracle what the weights do not."""
    return OracleSettings(
        num_heads=config.num_heads,
        prenet_depth=config.prenet_depth,
        depth=config.depth,
        top_k=config.average_top_k_layers,
        conv_pos_depth=config.conv_pos_depth,
        conv_pos_groups=config.conv_pos_groups,
        decoder_layers=config.decoder_layers,
        decoder_groups=config.decoder_groups,
        method=config.utterance_method,
        target_norm=config.frame_target_norm,
        utterance_target_norm=config.utterance_target_norm,
    )


def oracle_pair(model: Emotion2VecPretraining) -> tuple[OracleModel, OracleModel]:
    """Return the oracle's student (its weights are new leaves) and teacher."""
    settings = oracle_settings(model.config)
    sections = to_fairseq(model.state_dict(), model.config)
    student = {
        name: value.detach().clone().requires_grad_() for name, value in sections["model"].items()
    }
    oracle = Data2VecOracle if model.config.backbone == "data2vec" else OracleModel
    return oracle(student, settings), oracle(sections["_ema"], settings)
