"""Decode every file of a manifest folder and report what is wrong with it.

Errors: missing, unreadable, wrong rate, wrong length, silent, unknown label.
Warnings: clipped, duplicate audio, a speaker in two splits, other utterances, speakers or hours than the complete
release and the paper's Table 1 have.

    check_manifest.py data/manifests/urdu
    check_manifest.py data/manifests/mine --fix data/manifests/mine_clean
"""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from emotion2vec.cli.prepare import positive_integer

if TYPE_CHECKING:
    from emotion2vec.data.findings import Report

HELP = "manifest folder -> what is wrong with it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="manifest folder")
    parser.add_argument(
        "--fix",
        type=Path,
        metavar="OUT",
        help="write a clean copy of the manifest: without the files that cannot be used, with real lengths",
    )
    parser.add_argument(
        "--jobs", type=positive_integer, metavar="N", help="files at a time (default: all cores)"
    )
    parser.add_argument(
        "--show",
        type=positive_integer,
        default=20,
        metavar="N",
        help="lines of each kind (default: 20)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check, print the findings, and write the clean copy when asked for."""
    from emotion2vec.data.checks import check_folder, write_clean_copy

    report = check_folder(arguments.folder, num_jobs=arguments.jobs)
    _print_findings(report, arguments.show)
    print(
        f"{report.folder}: {report.num_utterances} utterances, {report.seconds / 3600:.2f} h decoded, "
        f"{len(report.errors)} errors, {len(report.warnings)} warnings"
    )
    if arguments.fix is not None:
        kept, left_out = write_clean_copy(report, arguments.fix)
        print(f"clean copy: {kept} utterances kept, {left_out} left out -> {arguments.fix}")
        return 0
    if report.errors:
        kinds = Counter(finding.kind for finding in report.errors)
        summary = ", ".join(f"{kind} {number}" for kind, number in kinds.items())
        print(
            f"error: {report.folder}: {len(report.errors)} errors ({summary}); first: "
            f"{report.errors[0].message}; --fix OUT writes a clean copy",
            file=sys.stderr,
        )
        return 1
    return 0


def _print_findings(report: "Report", limit: int) -> None:
    shown: Counter[str] = Counter()
    for finding in report.findings:
        shown[finding.kind] += 1
        if shown[finding.kind] <= limit:
            level = "ERROR" if finding.is_error else "warning"
            print(f"{level}  {finding.kind}: {finding.message}")
    for kind, number in shown.items():
        if number > limit:
            print(f"...  {kind}: {number - limit} more (--show {number} shows them)")
