"""Compare two results on the same utterances, folds and seeds: which features are better, and could it be luck?

RESULT_A and RESULT_B are result.json files that train_probe.py has written, or their folders (NAME=RESULT gives another
name). Prints each score with its bootstrap interval, McNemar's test of the accuracies seed by seed and, last, the
difference: `WA A - B +1.23 [0.10, 2.31] p=0.0330`. The speakers' utterances are not independent: use
`--clusters speaker` where speakers are known.
"""

import argparse

HELP = "are two results different: paired bootstrap and McNemar's test"
# as in `report/comparison.py`, which needs NumPy
METRICS = ("wa", "ua", "wf1", "uar", "macro_f1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `emotion2vec compare`."""
    parser.add_argument("result_a", metavar="RESULT_A", help="result.json or its folder")
    parser.add_argument("result_b", metavar="RESULT_B", help="result.json or its folder")
    parser.add_argument(
        "--metric", choices=METRICS, default="wa", help="score to compare (default: %(default)s)"
    )
    parser.add_argument(
        "--clusters",
        choices=("speaker",),
        help="resample whole speakers (default: single utterances, as if independent)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare and print; returns the exit status."""
    from emotion2vec.report.comparison import UTTERANCE, compare
    from emotion2vec.report.records import read_results

    first, second = read_results([arguments.result_a, arguments.result_b])
    unit = arguments.clusters or UTTERANCE
    for line in compare(first, second, metric=arguments.metric, unit=unit).lines():
        print(line)
    return 0
