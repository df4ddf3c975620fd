"""The student of a checkpoint as a module, without a second copy of its weights.

In: `LoadedCheckpoint`. Out: `SpeechEncoder` for `onnx.py`.
"""

import torch

from emotion2vec.errors import CheckpointError
from emotion2vec.model.checkpoint import LoadedCheckpoint, list_problems, mismatches
from emotion2vec.model.encoder import SpeechEncoder
from emotion2vec.model.factory import build_encoder

_PREFIX = "student."


def student_encoder(checkpoint: LoadedCheckpoint) -> SpeechEncoder:
    """Build the encoder around the checkpoint's own tensors: eval mode, float32, on the CPU.

    Raises:
        CheckpointError: The tensors do not fit the architecture that the checkpoint names.
    """
    with torch.device("meta"):  # neither memory nor random numbers for weights that are replaced
        encoder = build_encoder(checkpoint.config)
    tensors = {
        key.removeprefix(_PREFIX): tensor.float().contiguous()
        for key, tensor in checkpoint.tensors.items()
        if key.startswith(_PREFIX)
    }
    wanted = encoder.state_dict()
    problems = mismatches(wanted, tensors)
    problems += [f"{key} is unexpected" for key in sorted(tensors.keys() - wanted.keys())]
    if problems:
        raise CheckpointError(f"{checkpoint.kind}: {list_problems(problems)}")
    encoder.load_state_dict(tensors, assign=True)
    return encoder.eval()
