"""Make a SYNTHETIC corpus of four emotions with eSpeak NG, to try the software without any data.

Writes OUT/<emotion>/<speaker>_<n>.wav, card.json and README.txt. The same seed gives the same bytes. Needs the extra:
pip install emotion2vec[quickstart]
"""

import argparse
from pathlib import Path

HELP = "make a synthetic corpus with eSpeak NG, to try things without data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `emotion2vec synthesize`."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")
    parser.add_argument(
        "--utterances-per-speaker",
        type=int,
        default=60,
        metavar="N",
        help="spread over the four emotions, >= 4 (default: %(default)s; there are 8 speakers)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of every random draw (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the corpus and print what it holds; returns the exit status."""
    from emotion2vec.synthesis.corpus import synthesize_corpus

    summary = synthesize_corpus(
        arguments.out,
        utterances_per_speaker=arguments.utterances_per_speaker,
        seed=arguments.seed,
    )
    print(
        f"{summary.root}: SYNTHETIC, {summary.num_utterances} utterances, "
        f"{summary.num_speakers} speakers, {summary.seconds / 60:.1f} minutes"
    )
    return 0
