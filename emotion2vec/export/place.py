"""Where an export goes: never over something else unasked, and whole or not at all.

In: the path given as `--out`. Out: the path to write to, and a report of what lies there afterwards.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emotion2vec.errors import ExportError
from emotion2vec.files import is_running
from emotion2vec.model.checkpoint import file_sha256

_PARTIAL_NAME = re.compile(r"\.(?P<name>.*)\.(?P<pid>\d+)\.part")
_WEIGHTS_FILES = ("model.safetensors", "model.pt")  # of the formats that are folders


@dataclass(frozen=True)
class Written:
    """What an export has left.

    Attributes:
        path: File or folder.
        num_bytes: Size of everything in it.
        main_file: The file with the weights; where none has such a name, the largest.
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
    is_taken = out.exists() and not (out.is_dir() and not _contents(out))
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
        ExportError: See `check_free`; or `out` is a folder, or cannot be written.
    """
    check_free(out, overwrite=overwrite)
    if out.is_dir():
        raise ExportError(f"{out}: is a folder, expected the name of a file to write")
    target = Path(os.path.realpath(out))  # behind a link, so that the last step stays on one disk
    with _temporary_folder(target.parent, out) as folder:
        path = folder / "export"
        yield path
        _flush(path)
        os.replace(path, target)


@contextmanager
def new_folder(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary folder; it becomes `out` when the block succeeds, or its files become those of `out`.

    Other files that lie in `out` stay. A kill at any moment leaves the old files, the new ones or, between removing
    and moving, a folder that has no model: never parts of two models.

    Raises:
        ExportError: See `check_free`; or `out` is a file, holds a model of another format, or cannot be written.
    """
    check_free(out, overwrite=overwrite)
    if out.exists() and not out.is_dir():
        raise ExportError(f"{out}: is a file, expected the name of a folder to write")
    target = Path(os.path.realpath(out))
    is_new = not target.exists()
    # inside a folder that is there: it may be another disk's, and the one above it closed
    with _temporary_folder(target.parent if is_new else target, out) as folder:
        yield folder
        paths = sorted(folder.iterdir())
        for path in paths:
            _flush(path)
        if is_new:
            os.replace(folder, target)
        else:
            _move_into(target, paths, out)


def _move_into(target: Path, paths: Sequence[Path], out: Path) -> None:
    """Replace the files of a folder by new ones of the same names.

    Raises:
        ExportError: A model of another format would lie beside the new one.
    """
    names = {path.name for path in paths}
    others = [name for name in _WEIGHTS_FILES if name not in names and (target / name).exists()]
    if others:
        raise ExportError(
            f"{out}: holds {others[0]}, a model of another format, which would lie beside the new one; choose "
            "another place, or remove it"
        )
    for path in paths:
        (target / path.name).unlink(missing_ok=True)
    for path in paths:
        os.replace(path, target / path.name)


@contextmanager
def _temporary_folder(parent: Path, out: Path) -> Iterator[Path]:
    """Make a folder for what is not ready yet; removes it, and those of killed exports to the same place."""
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in _leftovers(parent):
        if leftover["name"] == out.name and not is_running(int(leftover["pid"])):
            shutil.rmtree(parent / leftover.string, ignore_errors=True)
    folder = parent / f".{out.name}.{os.getpid()}.part"
    shutil.rmtree(folder, ignore_errors=True)  # a killed process had this number
    folder.mkdir()
    try:
        yield folder
    except OSError as error:
        if error.filename:
            raise
        raise ExportError(
            f"{out}: cannot be written ({error.strerror or error}); what was there is unchanged"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _leftovers(folder: Path) -> list[re.Match[str]]:
    matches = (_PARTIAL_NAME.fullmatch(path.name) for path in folder.iterdir())
    return [match for match in matches if match]


def _contents(folder: Path) -> list[str]:
    """Name what lies in a folder, temporary folders of killed exports excepted."""
    ours = {match.string for match in _leftovers(folder)}
    return [path.name for path in folder.iterdir() if path.name not in ours]


def _flush(path: Path) -> None:
    """Wait until a file is on disk, so that a power cut leaves no empty file under the final name."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def describe(out: Path) -> Written:
    """Measure what lies at a path."""
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    weights = [path for path in files if path.parent == out and path.name in _WEIGHTS_FILES]
    main_file = max(sorted(weights or files), key=lambda path: path.stat().st_size)
    total = sum(path.stat().st_size for path in files)
    return Written(out, total, main_file, file_sha256(main_file))
