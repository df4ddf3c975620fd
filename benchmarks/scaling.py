"""What pre-training costs on paper: operations, time, memory and traffic for other amounts of data and of GPUs.

In: sizes of the model and the data, what a device reaches, what its links carry. Out: the tables of docs/scaling.md.
The operations are formulas, which a test compares with counted ones; the speed of an A10 is the paper's own time
divided into them; everything else is a parameter, because no GPU was at hand to measure it.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.output import markdown_table  # noqa: E402
from emotion2vec.model.config import ModelConfig  # noqa: E402
from emotion2vec.structs import (  # noqa: E402
    CONV_KERNELS,
    CONV_STRIDES,
    SAMPLE_RATE_HZ,
    num_frames,
)

PAPER_HOURS = 262  # Table 1
PAPER_EPOCHS = 100  # Section 4.2
PAPER_GPUS = 4
PAPER_EPOCH_MINUTES = 37  # Section 4.2, on 4 A10
BATCH_SAMPLES = 1_000_000  # a GPU and micro-batch; Section 4.2
PAPER_MICRO_BATCHES = 16  # of an update: 4 GPUs x update_freq 4
_FORWARD_AND_BACKWARD = 3  # a product's gradients are two products of its size
_FLOAT_BYTES = 4
DOC = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- scaling: begin -->", "<!-- scaling: end -->"


@dataclass(frozen=True)
class StepOperations:
    """Operations of a training step for one utterance, two for each multiplication and sum.

    Attributes:
        frontend: Feature extractor, forward and backward.
        teacher: Forward only.
        student: All clones, forward and backward, with their positions.
        decoder: All clones, forward and backward.
    """

    frontend: float
    teacher: float
    student: float
    decoder: float

    @property
    def total(self) -> float:
        """Sum of all parts."""
        return self.frontend + self.teacher + self.student + self.decoder


def step_operations(
    config: ModelConfig, num_samples: int, *, masked: int | None = None
) -> StepOperations:
    """Count matrix products and convolutions of a training step for one utterance of `num_samples` at 16 kHz.

    D is the width, L the layers, F the width of the feed-forward part, E the extractor's channels, T the frames, V the
    visible ones, U the utterance tokens, C the clones, k and G kernel and groups of a convolution:

    - transformer on N positions: 2 L N (4 D^2 + 2 D F) + 4 L N^2 D
    - positions: 2 T k D^2 / G for each convolution
    - a convolution of the extractor: 2 k E^2 for each of its outputs (2 k E for the first)
    - decoder: 2 C T k d D / G for the first convolution, 2 C T k d^2 / G for each other; 2 C (T - V) d D to project

    `masked` is T - V where it is known.
    """
    frames = num_frames(num_samples)
    if masked is None:
        masked = round(config.mask_prob * frames)
    tokens, clones, dim = config.num_utterance_tokens, config.clone_batch, config.embed_dim
    kernel = max(3, config.conv_pos_width // config.conv_pos_depth)
    positions = 2 * frames * config.conv_pos_depth * kernel * dim**2 / config.conv_pos_groups
    student = _transformer(config, frames - masked + tokens) + positions
    width, groups = config.decoder_dim, config.decoder_groups
    inputs = dim + (config.decoder_layers - 1) * width
    decoder = 2 * frames * config.decoder_kernel * width * inputs / groups
    decoder += 2 * masked * width * dim
    return StepOperations(
        frontend=_FORWARD_AND_BACKWARD * _frontend(config, num_samples),
        teacher=_transformer(config, frames + tokens) + positions,
        student=_FORWARD_AND_BACKWARD * clones * student,
        decoder=_FORWARD_AND_BACKWARD * clones * decoder,
    )


def first_convolution(config: ModelConfig, num_samples: int) -> float:
    """Count the operations of the extractor's first convolution, forward."""
    length = (num_samples - CONV_KERNELS[0]) // CONV_STRIDES[0] + 1
    return float(2 * length * CONV_KERNELS[0] * config.conv_dim)


def _transformer(config: ModelConfig, length: int) -> float:
    dim, wide = config.embed_dim, config.embed_dim * config.mlp_ratio
    products = 2 * length * (4 * dim**2 + 2 * dim * wide)
    return config.num_layers * (products + 4 * length**2 * dim)


def _frontend(config: ModelConfig, num_samples: int) -> float:
    total, length, inputs = 0.0, num_samples, 1
    for kernel, stride in zip(CONV_KERNELS, CONV_STRIDES, strict=True):
        length = (length - kernel) // stride + 1
        total += 2 * length * kernel * inputs * config.conv_dim
        inputs = config.conv_dim
    return total + 2 * length * config.conv_dim * config.embed_dim


def operations_per_second_of_audio(config: ModelConfig, clip_seconds: float) -> float:
    """Return the operations of training on a second of audio, in clips of a given length."""
    samples = int(clip_seconds * SAMPLE_RATE_HZ)
    return step_operations(config, samples).total / clip_seconds


def achieved_by_paper(config: ModelConfig, clip_seconds: float) -> float:
    """Return operations a second of one A10 in the paper's run, from the time that it states."""
    audio = PAPER_HOURS * 3600 / (PAPER_EPOCH_MINUTES * 60) / PAPER_GPUS
    return audio * operations_per_second_of_audio(config, clip_seconds)


def gpu_hours(config: ModelConfig, hours: float, achieved: float, clip_seconds: float) -> float:
    """Return GPU-hours of so many hours of audio, `PAPER_EPOCHS` times, at `achieved` operations a second."""
    audio_s = 3600 * hours * PAPER_EPOCHS
    return audio_s * operations_per_second_of_audio(config, clip_seconds) / achieved / 3600


def exchange_seconds(trained: int, gpus: int, gigabytes_per_s: float) -> float:
    """Return the time in which a ring sums the float32 gradients: each GPU sends 2 (n - 1) / n of them."""
    return 2 * (gpus - 1) / gpus * trained * _FLOAT_BYTES / gigabytes_per_s / 1e9


def count_parameters(config: ModelConfig) -> tuple[int, int]:
    """Count what is trained (student, decoder) and what follows (teacher)."""
    from torch import device

    from emotion2vec.model.factory import build_pretraining_model

    with device("meta"):
        model = build_pretraining_model(config)
    sizes = [(p.requires_grad, p.numel()) for p in model.parameters()]
    return sum(n for trained, n in sizes if trained), sum(n for trained, n in sizes if not trained)


def _table_of_operations(config: ModelConfig, lengths: Sequence[float]) -> str:
    rows = []
    for seconds in lengths:
        step = step_operations(config, int(seconds * SAMPLE_RATE_HZ))
        parts = (step.frontend, step.teacher, step.student, step.decoder)
        shares = [f"{100 * part / step.total:.0f} %" for part in parts]
        rows.append([f"{seconds:g}", step.total / seconds / 1e9, *shares])
    titles = ("clip, s", "GFLOP a second of audio", "extractor", "teacher", "student", "decoder")
    return markdown_table(titles, rows)


def _table_of_hours(config: ModelConfig, clip_seconds: float, reached: Sequence[float]) -> str:
    by_paper = achieved_by_paper(config, clip_seconds)
    rows = []
    for factor in (1, 10, 100):
        hours = factor * PAPER_HOURS
        costs = [gpu_hours(config, hours, one, clip_seconds) for one in (by_paper, *reached)]
        rows.append([f"{hours:,} ({factor} x)", *costs])
    names = [f"at {one / 1e12:g} TFLOP/s" for one in reached]
    titles = [
        "hours of audio",
        f"GPU-hours at the paper's speed ({by_paper / 1e12:.1f} TFLOP/s)",
        *names,
    ]
    return markdown_table(titles, rows)


def _table_of_gpus(config: ModelConfig, clip_seconds: float, reached: Sequence[float]) -> str:
    trained, _ = count_parameters(config)
    audio = BATCH_SAMPLES / SAMPLE_RATE_HZ
    work = audio * operations_per_second_of_audio(config, clip_seconds)
    rows: list[list[object]] = []
    for gpus in (1, 2, 4, 8, 16, 32, 64):
        accumulated = max(1, PAPER_MICRO_BATCHES // gpus)
        row: list[object] = [gpus, accumulated, gpus * accumulated * audio]
        for achieved in reached:
            for speed in (10.0, 100.0):
                exchange = exchange_seconds(trained, gpus, speed)
                compute = accumulated * work / achieved
                row.append(f"{100 * compute / (compute + exchange):.1f} %")
        rows.append(row)
    names = [f"{one / 1e12:.3g} TFLOP/s, {speed} GB/s" for one in reached for speed in (10, 100)]
    return markdown_table(["GPUs", "update_freq", "audio-s an update", *names], rows)


def tables(config: ModelConfig, clip_seconds: float, reached: Sequence[float]) -> str:
    """Return all tables of docs/scaling.md."""
    trained, teacher = count_parameters(config)
    kept = [trained * 4, trained * 4, trained * 8, teacher * 4]
    names = ("weights", "gradients", "Adam's moments", "teacher", "sum")
    memory = markdown_table(names, [[f"{size / 2**30:.2f} GiB" for size in (*kept, sum(kept))]])
    by_paper = achieved_by_paper(config, clip_seconds)
    return "\n\n".join(
        [
            _table_of_operations(config, (2, 4, 10, 20)),
            f"At clips of {clip_seconds:g} s:",
            _table_of_hours(config, clip_seconds, reached),
            f"{trained:,} trained parameters: a GPU sends up to {2 * trained * 4 / 1e6:.0f} MB an update. Share of "
            "time that is left for computing, if none of the exchange is hidden behind the backward pass:",
            _table_of_gpus(config, clip_seconds, (by_paper, *reached[-1:])),
            memory,
        ]
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--clip-seconds", type=float, default=5.0, help="length of the clips (default: 5)")
    add(
        "--tflops",
        type=float,
        nargs="+",
        default=[50.0, 200.0],
        help="what a GPU reaches in this model, measured with benchmarks/step.py (default: 50 200)",
    )
    add("--update-docs", action="store_true", help="put the tables into docs/scaling.md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute and print."""
    options = parse(arguments)
    text = tables(ModelConfig(), options.clip_seconds, [1e12 * one for one in options.tflops])
    print(text)
    if options.update_docs:
        page = DOC.read_text("utf-8")
        before, _, rest = page.partition(BEGIN)
        DOC.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
