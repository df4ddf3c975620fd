"""Write the manifest folder of a corpus that you have on disk.

    prepare_corpus.py --list                                               all corpora
    prepare_corpus.py emovo --list                                         one: layout, labels, options, licence
    prepare_corpus.py emovo --root EMOVO --out data/manifests/emovo --audio-out audio/emovo --dry-run
    prepare_corpus.py emovo --root EMOVO --out data/manifests/emovo --audio-out audio/emovo
    prepare_corpus.py folder --root SPEECH --out data/manifests/mine --labels labels.csv
    prepare_corpus.py pretrain --root data/manifests --out data/manifests/pretrain

A release that is not 16 kHz mono, or holds segments of longer files, is copied as 16 kHz mono below --audio-out; the
release itself is never changed. A run that was stopped continues where it stopped. Files that cannot be read are named
and left out. `pretrain` joins the manifests of the five pre-training corpora.
"""

import argparse
from pathlib import Path
from typing import Any

HELP = "corpus on disk -> manifest folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "corpus",
        nargs="?",
        metavar="NAME",
        help="corpus (see --list), `folder` for any files, or `pretrain`",
    )
    parser.add_argument(
        "--list",
        action="store_true",
        help="show all corpora with licence and expected counts, or all that is known of NAME",
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of the unpacked release")
    parser.add_argument("--out", type=Path, metavar="DIR", help="manifest folder to write")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be written and how much room it takes; decode and write nothing",
    )
    _add_copy_arguments(parser.add_argument_group("copies at 16 kHz mono, if any are needed"))
    parser.add_argument(
        "--jobs", type=positive_integer, metavar="N", help="files at a time (default: all cores)"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a choice that the corpus offers (NAME --list shows them); may be given several times",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="table of labels, for the corpora that take one; for `folder` a CSV with a header: "
        "path[,label,speaker,session,split,language], default: the parent folder is the label",
    )
    parser.add_argument(
        "--speaker-pattern",
        metavar="REGEX",
        help="for `folder`: searched in the relative path; its group `speaker` is the speaker, e.g. "
        "'(?P<speaker>spk\\d+)'",
    )
    parser.set_defaults(usage_error=parser.error)


def _add_copy_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--audio-out", type=Path, metavar="DIR", help="where they go; a folder for each corpus"
    )
    group.add_argument(
        "--audio-format",
        choices=("flac", "wav"),
        default="flac",
        help="their format (default: %(default)s)",
    )
    group.add_argument(
        "--channel",
        type=_channel,
        metavar="mean|0|1|...",
        help="channel to take of files with several (default: as the corpus' card says, mostly their mean)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare one corpus, say what that would do, or list what there is."""
    if arguments.list:
        from emotion2vec.cli.corpus_text import card_lines, list_lines

        lines = card_lines(arguments.corpus) if arguments.corpus else list_lines()
        print("\n".join(lines))
        return 0
    needed = ["root"] if arguments.dry_run else ["root", "out"]
    absent = [f"--{name}" for name in needed if getattr(arguments, name) is None]
    absent = absent if arguments.corpus else ["NAME", *absent]
    if absent:
        arguments.usage_error(f"the following arguments are required: {', '.join(absent)}")
    if arguments.corpus == "pretrain":
        return _join(arguments)
    settings = {
        "audio_out": arguments.audio_out,
        "audio_format": arguments.audio_format,
        "channel": arguments.channel,
        "num_jobs": arguments.jobs,
        **_options(arguments),
    }
    return _dry_run(arguments, settings) if arguments.dry_run else _prepare(arguments, settings)


def _prepare(arguments: argparse.Namespace, settings: dict[str, Any]) -> int:
    from emotion2vec.cli.corpus_text import counts_lines, summary
    from emotion2vec.corpora.prepare import prepare_corpus

    done = prepare_corpus(arguments.corpus, arguments.root, arguments.out, **settings)
    left_out = {
        "that cannot be read": len(done.unreadable),
        "that do not fit the corpus": done.num_left_out,
        "that are not part of it": done.num_other_audio,
    }
    for why, number in left_out.items():
        if number:
            print(f"left out {number} files {why} (named above)")
    for line in counts_lines(done.found, done.card):
        print(line)
    print(f"{done.name}: {summary(done.found)} -> {done.out}")
    return 0


def _dry_run(arguments: argparse.Namespace, settings: dict[str, Any]) -> int:
    from emotion2vec.cli.corpus_text import dry_run_lines
    from emotion2vec.corpora.dry_run import dry_run

    print("\n".join(dry_run_lines(dry_run(arguments.corpus, arguments.root, **settings))))
    return 0


def _join(arguments: argparse.Namespace) -> int:
    """Join the manifests of several corpora."""
    from emotion2vec.cli.corpus_text import table_lines
    from emotion2vec.corpora.pretrain import PRETRAINING_CORPORA, join_corpora, joined_table

    options = {key: value for key, value in _options(arguments).items() if value is not None}
    names = str(options.pop("corpora", ",".join(PRETRAINING_CORPORA)))
    others = [f"--option {name}" for name in options]
    others += [
        f"--{name.replace('_', '-')}"
        for name in ("dry_run", "audio_out", "channel")
        if getattr(arguments, name)
    ]
    if others:
        arguments.usage_error(f"pretrain joins manifests and takes no {', '.join(others)}")
    joined = join_corpora(arguments.root, arguments.out, corpora=names.split(","))
    for line in table_lines(joined_table(joined)):
        print(line)
    total = joined.total
    print(f"pretrain: {total.utterances} utterances, {total.seconds / 3600:.2f} h -> {joined.out}")
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


def _channel(text: str) -> str:
    if text != "mean" and not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be 'mean' or a number from 0, but is {text!r}")
    return text
