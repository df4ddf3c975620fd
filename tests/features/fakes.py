"""An upstream whose features can be computed by hand, and a manifest for it."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emotion2vec.data.manifest import Manifest, read_manifest
from emotion2vec.features.frames import FrameGrid
from emotion2vec.features.store import CheckpointIdentity
from emotion2vec.features.upstreams import HiddenStates
from emotion2vec.structs import MIN_SAMPLES, SAMPLES_PER_FRAME
from tests.helpers.wav import make_manifest_folder


class FakeUpstream:
    """Frame t of layer l = (mean, range) of its samples, averaged with its neighbours when `spread` is set.

    Tokens are the mean over the valid samples' first layer, so that they too can be checked by hand.
    """

    name = "fake"
    normalises = True
    needs_whole = False
    grid = FrameGrid()
    dtype = "float32"
    device = torch.device("cpu")

    def __init__(
        self, *, num_states: int = 5, num_tokens: int = 2, spread: int = 0, digest: str = "0" * 64
    ) -> None:
        self.num_states, self.num_tokens, self.spread = num_states, num_tokens, spread
        self.identity = CheckpointIdentity("fake.pt", digest, "fake")
        self.batch_sizes: list[int] = []
        self.longest = 0
        self.fail_after = 10**9

    def encode(self, waveform_BS: Tensor, padding_BS: Tensor | None) -> HiddenStates:
        if len(self.batch_sizes) >= self.fail_after:
            raise KeyboardInterrupt
        self.batch_sizes.append(len(waveform_BS))
        self.longest = max(self.longest, waveform_BS.shape[1])
        frames_BTW = waveform_BS.unfold(-1, MIN_SAMPLES, SAMPLES_PER_FRAME)
        first_BTD = torch.stack(
            [frames_BTW.mean(-1), frames_BTW.amax(-1) - frames_BTW.amin(-1)], dim=-1
        )
        if self.spread:
            kernel = torch.ones(2, 1, 2 * self.spread + 1)
            first_BTD = torch.nn.functional.conv1d(
                first_BTD.transpose(1, 2), kernel, padding=self.spread, groups=2
            ).transpose(1, 2)
        layers = tuple(first_BTD * (layer + 1) for layer in range(self.num_states))
        tokens = tuple(
            layer.mean(1, keepdim=True).repeat(1, self.num_tokens, 1) for layer in layers
        )
        return HiddenStates(layers, tokens)


def make_manifest(folder: Path, **options: object) -> Manifest:
    """Write recordings of several lengths and read their manifest."""
    out = make_manifest_folder(folder, num_utts=9, seconds=[0.5, 0.3, 0.4], **options)
    return read_manifest(out / "all.tsv")


def same_stores(first: Path, second: Path) -> bool:
    """Say whether two stores hold the same bytes."""
    names = [path.name for path in sorted(first.iterdir())]
    same = [(first / name).read_bytes() == (second / name).read_bytes() for name in names]
    return names == [path.name for path in sorted(second.iterdir())] and all(same)


def random_waveforms(*lengths: int, seed: int = 0) -> list[Tensor]:
    """Draw noise of these lengths."""
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.standard_normal(length).astype(np.float32)) for length in lengths]
