"""data2vec and data2vec 2.0 as baselines: the released fairseq files in our own encoder.

In: `audio_base_ls.pt`, `base_libri.pt`, or a pre-training of ours with frame loss only. Out: an `Upstream`.
Paper: Table 2 (rows data2vec and data2vec 2.0).
"""

from pathlib import Path

import torch

from emotion2vec.errors import CheckpointError
from emotion2vec.features.baselines.catalogue import Baseline
from emotion2vec.features.baselines.weights import find_weights
from emotion2vec.features.encoder_upstream import EncoderUpstream, load_encoder_upstream


def load(
    baseline: Baseline, given: Path | None, *, device: torch.device, dtype: str
) -> EncoderUpstream:
    """Load a data2vec.

    Raises:
        CheckpointError: The file is missing, cannot be read, or holds another of our models.
    """
    path = find_weights(baseline, given)
    upstream = load_encoder_upstream(path, device=device, dtype=dtype, name=baseline.name)
    if upstream.backbone != baseline.name or upstream.num_tokens:
        tokens = f" with {upstream.num_tokens} utterance tokens" if upstream.num_tokens else ""
        raise CheckpointError(
            f"{path}: holds a {upstream.backbone}{tokens}, expected a {baseline.name} without utterance tokens; "
            f"say --checkpoint {path} to use it for what it is"
        )
    return upstream
