"""Audio below the root that is not part of the corpus: reported, so that nothing is left out in silence.

In: root, what the parser took and left out, the card's patterns. Out: relative paths for `prepare.py`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from emotion2vec.corpora.files import ANY_SUFFIXES
from emotion2vec.corpora.places import walk


def other_audio(root: Path, known: set[str], ignored: Sequence[str]) -> list[str]:
    """Find the audio files that the parser neither took nor left out; hidden files do not count.

    Args:
        root: Folder of the release.
        known: Paths, relative to the root, that the parser gave.
        ignored: Patterns of `CorpusCard.ignored`.

    Returns:
        Relative paths, sorted.
    """
    return sorted(
        path
        for path in _audio_below(root)
        if path not in known and not any(PurePosixPath(path).match(text) for text in ignored)
    )


def _audio_below(root: Path) -> Iterator[str]:
    """Walk through the folders once."""
    prefix_length = len(str(root).rstrip("/")) + 1
    for parent, names in walk(root):
        below = parent[prefix_length:]
        for name in names:
            suffix = name[name.rfind(".") :]
            if suffix.lower() in ANY_SUFFIXES and not name.startswith("."):
                yield f"{below}/{name}" if below else name
