"""Write the manifest folder of a corpus that you have on disk.

    prepare_corpus.py urdu --root ~/corpora/URDU --out data/manifests/urdu
    prepare_corpus.py folder --root ~/speech --out data/manifests/mine --labels labels.csv
    prepare_corpus.py --list

A release that is not 16 kHz mono is converted to FLAC below --audio-out; the release itself is never changed.
Files that cannot be read are named and left out.
"""

import argparse
from pathlib import Path

HELP = "corpus on disk -> manifest folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "corpus", nargs="?", metavar="NAME", help="corpus (see --list), or `folder` for any files"
    )
    parser.add_argument(
        "--list", action="store_true", help="show all corpora with licence and expected counts"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of the unpacked release")
    parser.add_argument("--out", type=Path, metavar="DIR", help="manifest folder to write")
    parser.add_argument(
        "--audio-out",
        type=Path,
        metavar="DIR",
        help="where 16 kHz mono copies go, if any are needed",
    )
    parser.add_argument(
        "--jobs", type=positive_integer, metavar="N", help="files at a time (default: all cores)"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a choice that the corpus offers (docs/corpora.md names them); may be given several times",
    )
    own = parser.add_argument_group("for `folder`")
    own.add_argument(
        "--labels",
        type=Path,
        metavar="CSV",
        help="table with a header: path[,label,speaker,session,split,language]; default: the parent folder "
        "is the label",
    )
    own.add_argument(
        "--speaker-pattern",
        metavar="REGEX",
        help="searched in the relative path; its group `speaker` is the speaker, e.g. '(?P<speaker>spk\\d+)'",
    )
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Prepare one corpus, or list them all."""
    if arguments.list:
        _print_list()
        return 0
    absent = [f"--{name}" for name in ("root", "out") if getattr(arguments, name) is None]
    absent = absent if arguments.corpus else ["NAME", *absent]
    if absent:
        arguments.usage_error(f"the following arguments are required: {', '.join(absent)}")
    from emotion2vec.corpora.prepare import prepare_corpus

    done = prepare_corpus(
        arguments.corpus,
        arguments.root,
        arguments.out,
        audio_out=arguments.audio_out,
        num_jobs=arguments.jobs,
        **_options(arguments),
    )
    found = done.found
    labels = ", ".join(f"{label} {number}" for label, number in found.label_counts.items())
    if done.unreadable:
        print(f"left out {len(done.unreadable)} files that cannot be read (named above)")
    print(
        f"{done.name}: {found.utterances} utterances, {found.seconds / 3600:.2f} h, "
        f"{found.speakers} speakers, "
        f"{labels or 'no labels'} -> {done.out}"
    )
    return 0


def _options(arguments: argparse.Namespace) -> dict[str, str | Path | None]:
    """Collect the options of the corpus' parser."""
    options: dict[str, str | Path | None] = {
        "labels": arguments.labels,
        "speaker_pattern": arguments.speaker_pattern,
    }
    for text in arguments.option:
        name, equals, value = text.partition("=")
        if not equals or not name:
            arguments.usage_error(f"--option must be NAME=VALUE, but is {text!r}")
        options[name] = value
    return options


def positive_integer(text: str) -> int:
    """Parse a number of at least 1 for argparse.

    Raises:
        argparse.ArgumentTypeError: It is anything else.
    """
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number >= 1, but is {text!r}")
    return int(text)


def _print_list() -> None:
    from emotion2vec.corpora.registry import corpora_table

    rows = corpora_table()
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    print(
        "utterances, speakers: of the complete release; paper: utterances in Table 1 of the paper"
    )
