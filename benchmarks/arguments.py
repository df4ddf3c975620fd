"""Command-line arguments that several benchmarks have.

In: a benchmark's docstring. Out: its parser, to which it adds its own; its settings as they go into the JSON.
"""

import argparse
from pathlib import Path
from typing import Any


def make_parser(
    description: str | None, *, json_help: str = "file for every measurement"
) -> argparse.ArgumentParser:
    """Make a parser with what all have: --help with the benchmark's docstring, and --json."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help=json_help)
    return parser


def add_step_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what decides how a training step is computed, as `step_worker.py` takes it."""
    add = parser.add_argument
    add("--precision", choices=("fp32", "bf16"), default="fp32")
    add("--device", default="cpu", help="cpu or cuda")
    add("--threads", type=int, default=2, help="threads of torch (default: 2)")
    add("--size", choices=("base", "small"), default="base", help="`small` is for tests")


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments, but for the place of the JSON."""
    return {name: value for name, value in vars(options).items() if name != "json"}
