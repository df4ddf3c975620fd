"""Comparison of a function with its oracle: same value, same gradient, float64."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def seeded(*shape: int, seed: int = 0) -> Tensor:
    """Return float64 numbers from N(0, 1) that depend on the shape and the seed only."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def padding(lengths: Sequence[int], width: int) -> Tensor:
    """Return a padding mask (B, width), True behind each length."""
    return torch.tensor([[t >= length for t in range(width)] for length in lengths])


def assert_same_value_and_gradient(
    function: Callable[..., Tensor],
    oracle: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    select: Callable[[Tensor], Tensor] = lambda output: output,
) -> None:
    """Compare outputs (after `select`) and the gradients of a random projection of them."""
    results = []
    for candidate in (function, oracle):
        leaves = [value.detach().clone().requires_grad_() for value in inputs]
        output = select(candidate(*leaves))
        weights = seeded(*output.shape, seed=99)
        gradients = torch.autograd.grad((output * weights).sum(), leaves, allow_unused=True)
        filled = [
            torch.zeros_like(leaf) if gradient is None else gradient
            for leaf, gradient in zip(leaves, gradients, strict=True)
        ]
        results.append((output.detach(), filled))
    (value, gradients), (expected, expected_gradients) = results
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12)
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-9, atol=1e-11)
