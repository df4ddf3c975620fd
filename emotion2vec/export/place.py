"""Where an export goes: never over something else unasked, and whole or not at all.

In: the path given as `--out`. Out: the path to write to, and a report of what lies there afterwards.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emotion2vec.errors import ExportError
from emotion2vec.model.checkpoint import file_sha256


@dataclass(frozen=True)
class Written:
    """What an export has left.

    Attributes:
        path: File or folder.
        num_bytes: Size of everything in it.
        main_file: The file with the weights: the largest.
        sha256: Digest of that file.
    """

    path: Path
    num_bytes: int
    main_file: Path
    sha256: str

    def __str__(self) -> str:
        """Say it in one line."""
        name = "" if self.main_file == self.path else f" of {self.main_file.name}"
        return f"{self.path}: {self.num_bytes / 1e6:.2f} MB, sha256{name} {self.sha256}"


def check_free(out: Path, *, overwrite: bool) -> None:
    """Refuse to write over something that is there.

    Raises:
        ExportError: There is a file or a folder with contents, and `overwrite` is not set.
    """
    is_taken = out.exists() and not (out.is_dir() and not any(out.iterdir()))
    if is_taken and not overwrite:
        raise ExportError(
            f"{out}: is there already and stays as it is; choose another place, or say --force (in Python "
            "overwrite=True) to replace it"
        )


@contextmanager
def new_file(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path beside `out`, which becomes `out` when the block succeeds.

    The temporary name does not depend on the process: writers such as `torch.save` put names into the file.

    Raises:
        ExportError: See `check_free`; or `out` is a folder.
    """
    check_free(out, overwrite=overwrite)
    if out.is_dir():
        raise ExportError(f"{out}: is a folder, expected the name of a file to write")
    with _new_folder(out) as folder:
        path = folder / "export"
        yield path
        os.replace(path, out)


@contextmanager
def new_folder(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary folder beside `out`; its files become those of `out` when the block succeeds.

    Other files that lie in `out` stay.

    Raises:
        ExportError: See `check_free`; or `out` is a file.
    """
    check_free(out, overwrite=overwrite)
    if out.exists() and not out.is_dir():
        raise ExportError(f"{out}: is a file, expected the name of a folder to write")
    with _new_folder(out) as folder:
        yield folder
        out.mkdir(exist_ok=True)
        for path in sorted(folder.iterdir()):
            os.replace(path, out / path.name)


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = out.with_name(f".{out.name}.{os.getpid()}.part")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def describe(out: Path) -> Written:
    """Measure what lies at a path."""
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    main_file = max(sorted(files), key=lambda path: path.stat().st_size)
    total = sum(path.stat().st_size for path in files)
    return Written(out, total, main_file, file_sha256(main_file))
