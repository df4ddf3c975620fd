"""Draw embeddings of one or several results side by side (Figures 3 and 4 of the paper), coloured by class or arousal.

Shown is the output of the probe's first linear layer for the test utterances of one fold: every fold trains a head of
its own, so folds do not share a space. Silhouette and nearest-neighbour accuracy are means over all folds, computed in
the embedding space, not in the picture. PCA takes UMAP's place where umap-learn is not installed. NAME=RESULT shows a
result under another name. An HTML picture is interactive: point, hide classes, zoom, move.
"""

import argparse
from pathlib import Path

HELP = "UMAP pictures of what the probe has learned"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `emotion2vec umap`."""
    parser.add_argument(
        "--result", nargs="+", action="extend", required=True, metavar="RESULT",
        help="result.json or its folder",
    )  # fmt: skip
    parser.add_argument(
        "--out", nargs="+", action="extend", type=Path, required=True, metavar="FILE",
        help="picture: .png or .html; name two files for both",
    )  # fmt: skip
    parser.add_argument(
        "--colour", "--color", choices=("class", "arousal"), default="class",
        help="a colour for each class, or red tones for classes of low and blue tones for classes of high arousal, as "
        "in Figure 3 (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--fold",
        type=int,
        default=0,
        help="fold to show, from 0 as in result.json (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the layout (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Write the pictures and print the figures; returns the exit status."""
    from emotion2vec.progress import progress
    from emotion2vec.report.output import write_atomically
    from emotion2vec.report.picture import check_ending, make_panel, render_picture
    from emotion2vec.report.records import read_results

    for path in arguments.out:
        check_ending(path)
    results = read_results(arguments.result)
    panels = [
        make_panel(result, fold=arguments.fold, seed=arguments.seed, colour=arguments.colour)
        for result in progress(results, description="umap", unit="result")
    ]
    for path in arguments.out:
        write_atomically(path, render_picture(panels, path))
    for panel in panels:
        badge = "SYNTHETIC " if panel.synthetic else ""
        print(f"{badge}{panel.name}: {panel.projection.method}, {panel.separation}")
        if panel.arousal is not None:
            print(f"{badge}{panel.name}: low against high arousal, {panel.arousal}")
    for path in arguments.out:
        print(f"picture: {path}")
    return 0
