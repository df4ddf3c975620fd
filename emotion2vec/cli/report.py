"""Make one self-contained HTML page of probe results and pre-training logs.

RESULT is a result.json that train_probe.py has written, or the folder that holds it; NAME=RESULT shows it under
another name. The page needs no network.
"""

import argparse
from pathlib import Path

HELP = "one HTML page: comparison, curves, confusion matrices, UMAP"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `emotion2vec report`."""
    parser.add_argument("results", nargs="+", metavar="RESULT", help="result.json or its folder")
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


def run(arguments: argparse.Namespace) -> int:
    """Write the page and print its path; returns the exit status."""
    from emotion2vec.report.html import render_report
    from emotion2vec.report.output import write_atomically
    from emotion2vec.report.records import read_results
    from emotion2vec.report.training_log import read_training_log

    results = read_results(arguments.results)
    logs = [read_training_log(path) for path in arguments.train_log]
    page = render_report(results, logs, title=arguments.title)
    write_atomically(arguments.out, page.encode())
    print(f"report: {arguments.out}")
    return 0
