"""Builds models from a config; the only file of the model that reads both.

In: `ModelConfig`. Out: `SpeechEncoder` (what users keep) or `Emotion2VecPretraining` (what is trained).
"""

from torch import nn

from emotion2vec.model.config import ModelConfig
from emotion2vec.model.context import ContextEncoder, MemoryUse
from emotion2vec.model.decoder import ConvDecoder
from emotion2vec.model.ema import EmaTeacher
from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.encoder import SpeechEncoder
from emotion2vec.model.frontend import ConvFrontend
from emotion2vec.model.linear_decoder import LinearDecoder
from emotion2vec.model.positions import AlibiBias, ConvPositions, NoBias
from emotion2vec.model.prediction import MaskedPrediction
from emotion2vec.model.transformer import FeedForward, SelfAttention, TransformerLayer
from emotion2vec.model.utterance_tokens import UtteranceTokens

# Beginnings of names in the backbone that the teacher takes from the student instead of averaging them (Eq. 10).
_COPIED_TO_TEACHER: dict[str, tuple[str, ...]] = {"data2vec2": (), "data2vec": ("positions.",)}


def build_pretraining_model(config: ModelConfig) -> Emotion2VecPretraining:
    """Build student, decoder and teacher with fresh weights; the teacher equals the student (Section 3.4)."""
    student = build_encoder(config)
    copied = _COPIED_TO_TEACHER[config.backbone]
    teacher = EmaTeacher(student.context, copied=copied)
    return Emotion2VecPretraining(student, _build_decoder(config), teacher, config)


def build_encoder(config: ModelConfig) -> SpeechEncoder:
    """Build feature extractor and backbone with fresh weights, drawn from torch's global generator.

    Raises:
        ConfigError: A value of the config is impossible.
    """
    config.validate()
    frontend = ConvFrontend(
        conv_dim=config.conv_dim,
        embed_dim=config.embed_dim,
        convolutions=config.convolutions,
        checkpoint_layers=config.checkpoint_layers,
    )
    return SpeechEncoder(frontend, _build_context(config))


def _build_context(config: ModelConfig) -> ContextEncoder:
    layers = [_build_layer(config) for _ in range(config.num_layers)]
    prenet_drops = [config.prenet_layerdrop] * config.prenet_depth
    return ContextEncoder(
        ConvPositions(
            config.embed_dim,
            width=config.conv_pos_width,
            depth=config.conv_pos_depth,
            groups=config.conv_pos_groups,
            convolutions=config.convolutions,
        ),
        UtteranceTokens(config.num_utterance_tokens, config.embed_dim),
        _build_bias(config),
        layers,
        input_norm=nn.LayerNorm(config.embed_dim, eps=config.norm_eps),
        input_dropout=config.prenet_dropout,
        layer_drops=prenet_drops + [config.layerdrop] * config.depth,
        memory=MemoryUse(config.attention, config.checkpoint_layers),
    )


def _build_bias(config: ModelConfig) -> AlibiBias | NoBias:
    if config.backbone == "data2vec":
        return NoBias()
    return AlibiBias(config.num_heads, initial_scale=config.alibi_scale)


def _build_layer(config: ModelConfig) -> TransformerLayer:
    dim = config.embed_dim
    layer = TransformerLayer(
        SelfAttention(
            dim,
            config.num_heads,
            attention_dropout=config.attention_dropout,
            dropout=config.encoder_dropout,
        ),
        FeedForward(dim, int(dim * config.mlp_ratio), dropout=config.activation_dropout),
        dim=dim,
        norm_eps=config.norm_eps,
        post_mlp_drop=config.post_mlp_drop,
    )
    for module in layer.modules():
        if isinstance(module, nn.Linear):  # BERT's initialisation, as in data2vec 2.0
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    return layer


def _build_decoder(config: ModelConfig) -> MaskedPrediction:
    if config.backbone == "data2vec":
        return LinearDecoder(config.embed_dim)
    return ConvDecoder(
        config.embed_dim,
        decoder_dim=config.decoder_dim,
        num_layers=config.decoder_layers,
        kernel=config.decoder_kernel,
        groups=config.decoder_groups,
        input_dropout=config.decoder_input_dropout,
        noise_std=config.mask_noise_std,
        convolutions=config.convolutions,
    )
