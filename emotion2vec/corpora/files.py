"""Find the audio files of a release.

In: root folder. Out: relative paths in a fixed order, for the parsers. Converted copies of a corpus often hold
`.flac` in place of `.wav`, and folder names in another case: both are taken.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import soundfile

from emotion2vec.audio.video import CONTAINER_SUFFIXES
from emotion2vec.corpora.registry import LeftOut
from emotion2vec.errors import CorpusError

RELEASE_SUFFIXES = frozenset({".wav", ".flac"})
# soundfile names formats, not suffixes: these differ from the names or have several
ANY_SUFFIXES = (
    frozenset(f".{name.lower()}" for name in soundfile.available_formats())
    | {".aif", ".aifc", ".oga", ".opus", ".sph", ".nist"}
    | CONTAINER_SUFFIXES
) - {".raw", ".txt", ".mat4", ".mat5"}


def require_root(root: Path) -> None:
    """Check the folder that the user named.

    Raises:
        CorpusError: It does not exist or is a file.
    """
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise CorpusError(
            f"the root {str(root)!r} {what}; --root must name the corpus' unpacked release"
        )


def find_folder(parent: Path, name: str) -> Path | None:
    """Return the sub-folder of this name in any case, or None."""
    if not parent.is_dir():
        return None
    exact = parent / name
    if exact.is_dir():
        return exact
    matches = [path for path in parent.iterdir() if path.name.lower() == name.lower()]
    return next((path for path in sorted(matches) if path.is_dir()), None)


def audio_files(
    root: Path, folders: Iterable[Path], *, suffixes: frozenset[str] = RELEASE_SUFFIXES
) -> Iterator[str | LeftOut]:
    """Yield the audio files directly in some folders, sorted within each.

    Args:
        root: Folder that paths are relative to.
        folders: Folders to look into.
        suffixes: Suffixes to take, lower case.

    Yields:
        Path relative to the root, or a file that is left out: hidden, or the same recording in a second format.
    """
    for folder in folders:
        seen: dict[str, str] = {}
        # `.wav` sorts last of the suffixes; it is the release's own and wins over a converted copy
        for path in sorted(
            folder.iterdir(), key=lambda path: (path.stem, path.suffix != ".wav", path.name)
        ):
            if path.suffix.lower() not in suffixes or not path.is_file():
                continue
            relative = path.relative_to(root).as_posix()
            if path.name.startswith("."):
                yield LeftOut(relative, "hidden file (of a file manager, not speech)")
            elif path.stem in seen:
                yield LeftOut(
                    relative, f"same name as another file but for the suffix ({seen[path.stem]})"
                )
            else:
                seen[path.stem] = path.name
                yield relative
