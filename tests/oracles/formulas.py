"""Equations 3 and 5-10 of the paper as loops over single numbers, differentiable, in the dtype given.

In: small tensors. Out: tensors that autograd can follow. Nothing here shares code with the package.

B utterances, C clones, R = B * C rows, T frames, V visible frames, U utterance tokens, D width, N rows of
a matrix.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

NORM_EPS = 1e-5
VARIANCE_EPS = 1e-6


def valid_positions(padding_BT: Tensor | None, row: int, num_frames: int) -> list[int]:
    """List the frames of one row that are not padding."""
    if padding_BT is None:
        return list(range(num_frames))
    return [t for t in range(num_frames) if not bool(padding_BT[row, t])]


def standardise_loops(values: Sequence[Tensor]) -> list[Tensor]:
    """Subtract the mean and divide by the biased standard deviation (eps 1e-5), number by number."""
    mean = sum(values, torch.zeros_like(values[0])) / len(values)
    squares = [(value - mean) ** 2 for value in values]
    variance = sum(squares, torch.zeros_like(values[0])) / len(values)
    return [(value - mean) / torch.sqrt(variance + NORM_EPS) for value in values]


def layer_norm_row(row_D: Tensor) -> Tensor:
    """Normalise one frame over its width, (D,)."""
    return torch.stack(standardise_loops([row_D[d] for d in range(row_D.shape[0])]))


def instance_norm_utterance(frames_TD: Tensor) -> Tensor:
    """Normalise every channel over the frames of one utterance, (T, D)."""
    num_frames, width = frames_TD.shape
    columns = [
        torch.stack(standardise_loops([frames_TD[t, d] for t in range(num_frames)]))
        for d in range(width)
    ]
    return torch.stack(columns, dim=1)


def average_layers_loops(
    layers: Sequence[Tensor], *, top_k: int, norm: str, padding_BT: Tensor | None = None
) -> Tensor:
    """Eq. 3: the mean of the last `top_k` layers after the target norm, (B, T, D); padding is zero."""
    batch, num_frames, _ = layers[0].shape
    rows = []
    for b in range(batch):
        kept = valid_positions(padding_BT, b, num_frames)
        total = torch.zeros_like(layers[0][b])
        for layer in layers[len(layers) - top_k :]:
            frames_TD = layer[b, kept]
            if norm == "layer":
                frames_TD = torch.stack([layer_norm_row(frame_D) for frame_D in frames_TD])
            elif norm == "instance":
                frames_TD = instance_norm_utterance(frames_TD)
            elif norm != "none":
                raise ValueError(f"norm must be none, layer or instance, got {norm!r}")
            total = total.index_add(0, torch.tensor(kept), frames_TD)
        rows.append(total / top_k)
    return torch.stack(rows)


def pool_frames_loops(frames_BTD: Tensor, padding_BT: Tensor | None = None) -> Tensor:
    """Eq. 6: the mean of the valid frames of each utterance, (B, D)."""
    pooled = []
    for b in range(frames_BTD.shape[0]):
        kept = valid_positions(padding_BT, b, frames_BTD.shape[1])
        total = torch.zeros_like(frames_BTD[b, 0])
        for t in kept:
            total = total + frames_BTD[b, t]
        pooled.append(total / len(kept))
    return torch.stack(pooled)


def pool_utterance_loops(
    tokens_RUD: Tensor, visible_RVD: Tensor, visible_padding_RV: Tensor | None, method: str
) -> Tensor:
    """Eq. 7 for the three methods of Section 3.2, (R, D)."""
    if method == "global":
        return pool_frames_loops(visible_RVD, visible_padding_RV)
    pooled = []
    for r in range(tokens_RUD.shape[0]):
        if method == "token":
            pooled.append(tokens_RUD[r, tokens_RUD.shape[1] - 1])
            continue
        total = torch.zeros_like(tokens_RUD[r, 0])
        for u in range(tokens_RUD.shape[1]):
            total = total + tokens_RUD[r, u]
        pooled.append(total / tokens_RUD.shape[1])
    return torch.stack(pooled)


def squared_error_loops(prediction_ND: Tensor, target_ND: Tensor) -> Tensor:
    """Eqs. 5 and 8 before their mean: squared error of every number, times 1/sqrt(D), summed."""
    num_rows, width = prediction_ND.shape
    total = prediction_ND.new_zeros(())
    for n in range(num_rows):
        for d in range(width):
            total = total + (prediction_ND[n, d] - target_ND[n, d]) ** 2 / math.sqrt(width)
    return total


def combined_loss(
    frame_sum: Tensor, utterance_sum: Tensor, *, num_masked: int, num_rows: int, alpha: float
) -> Tensor:
    """Eq. 9: mean over masked frames plus alpha times the mean over utterances (and clones)."""
    return frame_sum / num_masked + alpha * utterance_sum / num_rows


def annealed_decay_by_steps(update: int, *, start: float, end: float, anneal_updates: int) -> float:
    """Section 3.4: tau after `update` equal steps from `start`, never beyond `end`."""
    step = (end - start) / anneal_updates
    return start + step * min(update, anneal_updates)


def ema_step_loops(teacher: Tensor, student: Tensor, decay: float) -> Tensor:
    """Eq. 10 for every number of one parameter."""
    old, new = teacher.flatten(), student.flatten()
    values = [decay * float(old[i]) + (1 - decay) * float(new[i]) for i in range(old.shape[0])]
    return torch.tensor(values, dtype=torch.float64).reshape(teacher.shape)


def alibi_slopes_by_rule(num_heads: int) -> list[float]:
    """ALiBi's rule: a geometric series for 2^n heads; otherwise filled from the next power's odd terms."""
    power = 2 ** math.floor(math.log2(num_heads))
    slopes = [2.0 ** (-8.0 * (h + 1) / power) for h in range(power)]
    finer = [2.0 ** (-8.0 * (h + 1) / (2 * power)) for h in range(2 * power)]
    return slopes + [finer[2 * h] for h in range(num_heads - power)]


def alibi_bias_loops(positions_RV: Tensor, *, num_tokens: int, scale_H: Tensor) -> Tensor:
    """Bias -scale * slope * |i - j| of original positions; zero to and from tokens, (R, H, U+V, U+V)."""
    rows, num_visible = positions_RV.shape
    num_heads = scale_H.shape[0]
    slopes = alibi_slopes_by_rule(num_heads)
    size = num_tokens + num_visible
    entries = []
    for r in range(rows):
        for h in range(num_heads):
            for i in range(size):
                for j in range(size):
                    if i < num_tokens or j < num_tokens:
                        entries.append(scale_H.new_zeros(()))
                        continue
                    here = int(positions_RV[r, i - num_tokens])
                    there = int(positions_RV[r, j - num_tokens])
                    strength = scale_H[h] if scale_H[h] > 0 else scale_H[h] * 0
                    entries.append(-strength * slopes[h] * abs(here - there))
    return torch.stack(entries).reshape(rows, num_heads, size, size)


def restore_frames_loops(visible_RVD: Tensor, masked_RT: Tensor, fill_RTD: Tensor) -> Tensor:
    """Put visible frames back at their positions and `fill_RTD` at the masked ones, (R, T, D)."""
    rows = []
    for r in range(masked_RT.shape[0]):
        frames, next_visible = [], 0
        for t in range(masked_RT.shape[1]):
            if bool(masked_RT[r, t]):
                frames.append(fill_RTD[r, t])
            else:
                frames.append(visible_RVD[r, next_visible])
                next_visible += 1
        rows.append(torch.stack(frames))
    return torch.stack(rows)


def hide_frames_loops(frames_RTD: Tensor, masked_RT: Tensor, embedding_D: Tensor) -> Tensor:
    """Put the mask embedding in place of every masked frame, (R, T, D)."""
    rows = []
    for r in range(frames_RTD.shape[0]):
        frames = [
            embedding_D if bool(masked_RT[r, t]) else frames_RTD[r, t]
            for t in range(frames_RTD.shape[1])
        ]
        rows.append(torch.stack(frames))
    return torch.stack(rows)


def span_coverage_by_enumeration(num_frames: int, *, span_frames: int, prob: float) -> float:
    """Average size of the union of data2vec's spans, over every choice of starts (small sizes only)."""
    exact = prob * num_frames / span_frames
    average = 0.0
    for num_spans, chance in ((int(exact), 1 - exact % 1), (int(exact) + 1, exact % 1)):
        num_spans = max(1, num_spans)
        num_starts = num_frames - span_frames
        if num_starts <= num_spans:
            num_starts = num_spans + 1
        sizes = []
        for starts in itertools.combinations(range(num_starts), num_spans):
            union = {s + i for s in starts for i in range(span_frames) if s + i < num_frames}
            sizes.append(len(union))
        average += chance * sum(sizes) / len(sizes)
    return average


def channel_std_loops(values_ND: Tensor) -> float:
    """Mean over D of sqrt(unbiased variance over N + 1e-6)."""
    num_rows, width = values_ND.shape
    total = 0.0
    for d in range(width):
        column = [float(values_ND[n, d]) for n in range(num_rows)]
        mean = sum(column) / num_rows
        variance = sum((value - mean) ** 2 for value in column) / (num_rows - 1)
        total += math.sqrt(variance + VARIANCE_EPS)
    return total / width
