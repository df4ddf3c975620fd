"""List of a real release against what the preparer makes of a fake copy of it.

python -m tests.corpora.whole_lists FOLDER     FOLDER holds the lists; prints a table of the counts
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.data.manifest import read_manifest
from emotion2vec.data.utterance import Utterance
from tests.corpora.releases import MODULES
from tests.corpora.releases.files import Expected, read_list


@dataclass(frozen=True)
class Comparison:
    """Counts of a list and of the manifest made from it, and how they differ."""

    num_listed: int
    num_prepared: int
    num_labels: int
    num_speakers: int
    problems: list[str]


def compare(name: str, table: Path, folder: Path) -> Comparison:
    """Build the whole release below `folder` out of tiny files, prepare it and compare."""
    root = folder / "root"
    expected: dict[str, Expected] = MODULES[name].build_whole(root, read_list(table))
    prepare_corpus(name, root, folder / "out", audio_out=folder / "audio")
    rows = read_manifest(folder / "out" / "all.tsv").utterances
    # converted copies have another suffix
    found = {_stem(row.path): row for row in rows}
    wanted = {_stem(path): what for path, what in expected.items()}
    problems = [f"missing: {path}" for path in sorted(wanted.keys() - found.keys())]
    problems += [f"not in the list: {path}" for path in sorted(found.keys() - wanted.keys())]
    for path in sorted(wanted.keys() & found.keys()):
        problems += _differences(path, wanted[path], found[path])
    return Comparison(
        num_listed=len(wanted),
        num_prepared=len(rows),
        num_labels=len({row.label for row in rows} - {None}),
        num_speakers=len({row.speaker for row in rows} - {None}),
        problems=problems,
    )


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _differences(path: str, expected: Expected, row: Utterance) -> list[str]:
    differences = []
    for what in ("label", "speaker", "split"):
        wanted, got = getattr(expected, what), getattr(row, what)
        if wanted is not None and wanted != got:
            differences.append(f"{path}: {what} {got!r}, but the list says {wanted!r}")
    return differences


def main(lists: Path, found: Path | None) -> None:
    """Print a row for each corpus that has a list."""
    counts = {}
    print("| corpus | listed | prepared | labels | speakers | differences |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, module in sorted(MODULES.items()):
        if hasattr(module, "LIST"):
            with tempfile.TemporaryDirectory() as folder:
                result = compare(name, lists / module.LIST, Path(folder))
            numbers = (
                result.num_listed,
                result.num_prepared,
                result.num_labels,
                result.num_speakers,
                len(result.problems),
            )
            print(f"| {name} | {' | '.join(map(str, numbers))} |", flush=True)
            seconds = sum(float(row["seconds"]) for row in read_list(lists / module.LIST))
            counts[name] = {
                "utterances": result.num_prepared,
                # where the list names no speaker, the fake release makes some up
                "speakers": None
                if getattr(module, "INVENTED_SPEAKERS", False)
                else result.num_speakers or None,
                "hours": round(seconds / 3600, 2),
                "source": "tiny files under the release's names",
            }
    if found is not None:
        found.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
