"""Our encoder as an upstream: emotion2vec, data2vec and data2vec 2.0, trained or not.

In: a checkpoint that `model/checkpoint.py` reads. Out: an `Upstream`. B utterances, S samples, T frames, U utterance
tokens, D width. Paper: Section 3 (the student without its decoder).
"""

from pathlib import Path

import torch
from torch import Tensor

from emotion2vec.features.frames import FrameGrid
from emotion2vec.features.store import CheckpointIdentity
from emotion2vec.features.upstreams import HiddenStates
from emotion2vec.model.checkpoint import load_encoder
from emotion2vec.model.encoder import EncoderFeatures, SpeechEncoder
from emotion2vec.model.factory import build_encoder

# 10 s: what lies between the convolutions is then 70 MB a layer, however long the audio; smaller pieces are slower
_TILE_FRAMES = 512


class EncoderUpstream:
    """Our encoder, pre-trained or not.

    Attributes:
        backbone: `data2vec` or `data2vec2`.
    """

    normalises = True
    needs_whole = False
    grid = FrameGrid()

    def __init__(
        self,
        encoder: SpeechEncoder,
        *,
        name: str,
        identity: CheckpointIdentity,
        num_states: int,
        num_tokens: int,
        device: torch.device,
        dtype: str,
        backbone: str = "data2vec2",
    ) -> None:
        self.name, self.identity = name, identity
        self.num_states, self.num_tokens = num_states, num_tokens
        self.device, self.dtype, self.backbone = device, dtype, backbone
        self._encoder = encoder.to(device).eval()

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        """Run the encoder; see `Upstream.encode`. Waveform (B, S) -> layers (B, T, D), tokens (B, U, D)."""
        narrow = self.dtype == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=narrow),
        ):
            # a GPU is fastest with the whole batch at once
            tile = _TILE_FRAMES if self.device.type == "cpu" else None
            features: EncoderFeatures = self._encoder.extract(
                waveform_BS, padding_BS, tile_frames=tile
            )
        return HiddenStates(
            tuple(layer.float() for layer in features.layers),
            tuple(tokens.float() for tokens in features.tokens),
        )


def load_encoder_upstream(
    path: Path,
    *,
    device: torch.device,
    dtype: str,
    untrained: bool = False,
    name: str | None = None,
) -> EncoderUpstream:
    """Load a checkpoint's student.

    Args:
        path: The checkpoint.
        device: Where the computation runs.
        dtype: `float32` or `bfloat16`.
        untrained: Take its architecture only, with fresh weights from seed 0.
        name: Name to show in tables; by default the file's.

    Raises:
        CheckpointError: The file cannot be read, or holds another model.
    """
    # building a model draws weights: a program that extracts features keeps its own random numbers
    with torch.random.fork_rng(devices=[]):
        loaded = load_encoder(path)
        torch.manual_seed(0)
        encoder = build_encoder(loaded.config) if untrained else loaded.encoder
    return EncoderUpstream(
        encoder,
        name=f"untrained ({path.name})" if untrained else name or path.name,
        identity=CheckpointIdentity(
            path.name, loaded.sha256, "untrained" if untrained else loaded.kind
        ),
        num_states=loaded.config.num_layers + 1,
        num_tokens=loaded.config.num_utterance_tokens,
        device=device,
        dtype=dtype,
        backbone=loaded.config.backbone,
    )
