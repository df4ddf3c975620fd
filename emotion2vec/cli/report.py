"""Make one self-contained HTML page of probe results, per-layer curves and pre-training logs.

RESULT is a result.json that train_probe.py has written, the layers.json of a run with layer=each, the folder that
holds one, or a folder with such folders anywhere below it; NAME=RESULT shows a single one under another name. The page
needs no network.
"""

import argparse
from pathlib import Path

HELP = "one HTML page: comparison with the paper, statistics, curves, confusion matrices, UMAP"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `emotion2vec report`."""
    parser.add_argument(
        "results",
        nargs="+",
        metavar="RESULT",
        help="result.json, layers.json, the folder of one, or a folder tree",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.html", help="page to write"
    )
    parser.add_argument(
        "--train-log",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="log of a pre-training run (train.log in its folder)",
    )
    parser.add_argument(
        "--title", default="emotion2vec report", help="heading (default: %(default)s)"
    )
    parser.add_argument(
        "--baseline",
        default="",
        metavar="NAME",
        help="result that the statistics compare the others of its protocol with (default: the best)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the page and print its path; returns the exit status."""
    from emotion2vec.report.collect import collect
    from emotion2vec.report.html import render_report
    from emotion2vec.report.output import write_atomically
    from emotion2vec.report.training_log import read_training_log

    found = collect(arguments.results)
    logs = [read_training_log(path) for path in arguments.train_log]
    page = render_report(
        found.results,
        logs,
        title=arguments.title,
        curves=found.curves,
        baseline=arguments.baseline,
    )
    write_atomically(arguments.out, page.encode())
    print(f"report: {arguments.out}")
    return 0
