"""torch.compile for the transformer layers: bias, activation, dropout, residual sum and norm become one kernel each.

In: a built model. Out: the same model, whose layers compile themselves at their first call, once for any length.
Paper: none; the plain path is the same layers, not compiled.
"""

import torch

from emotion2vec.model.emotion2vec import Emotion2VecPretraining
from emotion2vec.model.transformer import TransformerLayer


def compile_layers(model: Emotion2VecPretraining, *, backend: str = "inductor") -> None:
    """Compile student's and teacher's layers; names of weights and checkpoints stay as they are.

    Needs a C++ compiler on a CPU, Triton on a GPU. Dropout draws other numbers than without, from the same seed.
    Attention in blocks is left out: its loops would be compiled anew for each length.

    Args:
        model: The model, before its first step.
        backend: What torch.compile compiles with.
    """
    for layer in (*model.student.context.layers, *model.teacher.context.layers):
        assert isinstance(layer, TransformerLayer)
        hidden = torch.compiler.disable(layer.attn.attend_in_blocks)  # type: ignore[no-untyped-call]
        layer.attn.attend_in_blocks = hidden
        layer.compile(dynamic=True, backend=backend)
