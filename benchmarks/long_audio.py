r"""Memory and time of one long file, extracted by the command in a process of its own.

  python benchmarks/long_audio.py [--hours H ...] [--base-hours H ...] [--json FILE]

Memory must not grow with the length of the file. Two models show it in reasonable time: `thin` writes features as wide
as the base model's, so reading, windows and the store are as large, but computes little; `base` has everything.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.arguments import make_parser, settings_of  # noqa: E402
from benchmarks.machine import machine_facts  # noqa: E402
from benchmarks.output import SHARED_MACHINE, markdown_table, write_json  # noqa: E402
from benchmarks.processes import run_measured  # noqa: E402
from emotion2vec.audio.parallel import default_jobs  # noqa: E402
from emotion2vec.cli.main import main as run_command  # noqa: E402
from emotion2vec.model.config import ModelConfig  # noqa: E402
from emotion2vec.model.factory import build_pretraining_model  # noqa: E402
from emotion2vec.seeding import derive_rng  # noqa: E402

_LIMIT_GIB = 3.0 * 1e9 / 2**30  # the 3 GB
_MODELS = {
    "thin": ModelConfig(conv_dim=32, mlp_ratio=0.25, prenet_depth=1, depth=1, conv_pos_depth=1,
                        conv_pos_width=19, average_top_k_layers=1),
    "base": ModelConfig(),
}  # fmt: skip


def make_file(path: Path, hours: float, rate: int) -> None:
    """Write noise of this length, 16 bits, minute by minute."""
    rng = derive_rng(0, "long audio benchmark")
    minute = (0.1 * rng.standard_normal(60 * rate).clip(-4, 4)).astype(np.float32)
    left = round(hours * 3600 * rate)
    with soundfile.SoundFile(path, "w", samplerate=rate, channels=1, subtype="PCM_16") as file:
        while left > 0:
            file.write(minute[:left])
            left -= len(minute)


def make_model(path: Path, config: ModelConfig) -> None:
    """Write random weights as training does."""
    torch.manual_seed(0)
    settings = {"_name": "emotion2vec", **asdict(config)}
    state = build_pretraining_model(config).state_dict()
    torch.save({"cfg": {"model": settings}, "model": state}, path)


def work(job: dict[str, Any]) -> None:
    """Be the measured process: the command, as a user gives it."""
    torch.set_num_threads(job["threads"])
    status = run_command(["extract", *job["arguments"]])
    print(json.dumps({"status": status}))
    sys.exit(status)


def measure(folder: Path, model: str, hours: float, given: argparse.Namespace) -> dict[str, Any]:
    """Extract one file with one model."""
    audio, out = folder / f"long.{given.format}", folder / "out"
    make_file(audio, hours, given.rate)
    checkpoint = folder / f"{model}.pt"
    if not checkpoint.exists():
        make_model(checkpoint, _MODELS[model])
    arguments = ["--checkpoint", str(checkpoint), "--audio", str(audio), "--out", str(out),
                 "--device", "cpu", "--overwrite"]  # fmt: skip
    job = {"threads": given.threads, "arguments": arguments}
    cost = run_measured(Path(__file__), job, threads=given.threads)
    store_gib = (out / "all.npy").stat().st_size / 2**30
    return {
        "model": model,
        "hours": hours,
        "seconds": cost.seconds,
        "cpu_seconds": cost.cpu_seconds,
        "peak_gib": cost.peak_gib,
        "peak_anonymous_gib": cost.peak_anonymous_gib,
        "store_gib": store_gib,
    }


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--hours", type=float, nargs="*", default=[0.1, 2.0], help="lengths for the thin model"
    )
    parser.add_argument(
        "--base-hours", type=float, nargs="*", default=[0.1], help="lengths for the base model"
    )
    parser.add_argument("--rate", type=int, default=16_000, help="of the files, in Hz")
    parser.add_argument("--format", choices=("wav", "flac"), default="wav")
    parser.add_argument("--threads", type=int, default=default_jobs())
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    given = parse_arguments(arguments)
    facts = machine_facts(threads=given.threads, device="cpu")
    pairs = [("thin", hours) for hours in given.hours] + [("base", h) for h in given.base_hours]
    with tempfile.TemporaryDirectory(prefix="long_audio") as name:
        rows = [measure(Path(name), model, hours, given) for model, hours in pairs]
    titles = ["model", "hours of audio", "s", "core-s", "peak GiB", "of it without file pages",
              "store GiB"]  # fmt: skip
    print(f"{given.rate} Hz, {given.format}, {given.threads} threads; {SHARED_MACHINE}\n")
    print(markdown_table(titles, [list(row.values()) for row in rows]))
    held = all(row["peak_gib"] < _LIMIT_GIB for row in rows)
    print(f"\npeak below 3 GB everywhere: {'yes' if held else 'NO'}")
    settings = settings_of(given)
    write_json(
        given.json,
        {
            "benchmark": "long_audio",
            "machine": asdict(facts),
            "note": SHARED_MACHINE,
            "settings": settings,
            "rows": rows,
        },
    )


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        work(json.loads(sys.argv[1]))
    main()
