"""Copy the audio of a manifest folder into a few large tar files, and write its manifest with the new paths.

    emotion2vec shard data/manifests/pretrain --out data/shards/pretrain

Use the folder it writes wherever a manifest folder is asked for: batches are the same. It is for network disks, where
opening each of a hundred thousand small files costs more than reading it.
"""

import argparse
from pathlib import Path

from emotion2vec.cli.prepare import positive_integer

HELP = "manifest folder -> the same with its audio in tar shards"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="manifest folder")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to make: shards and manifest"
    )
    parser.add_argument(
        "--shard-mb",
        type=positive_integer,
        default=1000,
        metavar="N",
        help="size at which a shard is closed, in 10^6 bytes (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the shards and say what they hold."""
    from emotion2vec.data.shards import write_shards

    done = write_shards(arguments.folder, arguments.out, shard_bytes=arguments.shard_mb * 10**6)
    print(
        f"{done.num_utterances} utterances in {done.num_shards} shards, {done.num_bytes / 1e9:.2f} GB -> {done.out}"
    )
    return 0
