"""The folder of the 16 kHz mono copies: names, what they were made of, and which are there already.

In: parsed utterances, `--audio-out`. Out: a path for each copy; `conversion.json`, so that copies of another corpus,
channel or format are not taken for these.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emotion2vec import __version__
from emotion2vec.audio.mono import MEAN
from emotion2vec.corpora.space import disk_errors_as_sentence
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from emotion2vec.files import remove_partial_files, write_text

RECORD_FILE = "conversion.json"


@dataclass(frozen=True)
class Recipe:
    """How copies are made.

    Attributes:
        corpus: Name of the corpus.
        channel: `mean`, or the number of the channel taken.
        audio_format: `flac` or `wav`.
    """

    corpus: str
    channel: str | int = MEAN
    audio_format: str = "flac"


def is_segment(utterance: Utterance) -> bool:
    """Tell whether an utterance is a part of its file."""
    return utterance.start_sample is not None or utterance.end_sample is not None


def copy_paths(utterances: Sequence[Utterance], audio_format: str) -> list[str]:
    """Return where each utterance's copy goes, relative to `--audio-out`.

    `a/b.mp4` becomes `a/b.flac`, its segment `x/s1` becomes `a/b/s1.flac`. Where two would have one name, their names
    keep what was cut off.

    Raises:
        CorpusError: Two utterances would still have one name.
    """
    suffix = f".{audio_format}"
    paths = [_copy_path(row, suffix) for row in utterances]
    number = Counter(paths)
    paths = [
        path if number[path] == 1 else _long_path(row, suffix)
        for row, path in zip(utterances, paths, strict=True)
    ]
    repeated = [path for path, count in Counter(paths).items() if count > 1]
    if repeated:
        raise CorpusError(
            f"{len(repeated)} copies would be written twice, e.g. {repeated[0]!r}: two utterances are the same part "
            "of a file"
        )
    return paths


def _copy_path(row: Utterance, suffix: str) -> str:
    stem = PurePosixPath(row.path).with_suffix("")
    if is_segment(row):
        return f"{stem / PurePosixPath(row.id).name}{suffix}"
    return f"{stem}{suffix}"


def _long_path(row: Utterance, suffix: str) -> str:
    if is_segment(row):
        return f"{row.path}/{row.id.replace('/', '_')}{suffix}"
    return f"{row.path}{suffix}"


def check_place(root: Path, audio_out: Path) -> Path:
    """Return the folder for copies, made absolute.

    Raises:
        CorpusError: It lies inside the release, or holds it.
    """
    target = audio_out.resolve()
    if target == root or target.is_relative_to(root):
        raise CorpusError(
            f"--audio-out {str(audio_out)!r} lies inside the root {str(root)!r}, where the copies would be "
            "taken for the release; choose a folder outside"
        )
    if root.is_relative_to(target):
        raise CorpusError(
            f"--audio-out {str(audio_out)!r} holds the root {str(root)!r}, whose files the copies might replace; "
            "choose a folder of its own"
        )
    return target


def check_record(folder: Path, recipe: Recipe, paths: Sequence[str]) -> None:
    """Check that the copies in a folder, if there are any, were made of the same corpus in the same way.

    Raises:
        CorpusError: They were not, or nothing says how they were made.
    """
    record = folder / RECORD_FILE
    if not record.is_file():
        taken = [path for path in paths if (folder / path).exists()]
        if taken:
            raise CorpusError(
                f"{str(folder)!r} holds {taken[0]!r}{_and_more(taken)}, but no {RECORD_FILE} that says what it was "
                "made of; give an empty folder as --audio-out"
            )
        return
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
        differences = [
            f"{name} {stored[name]!r}, not {value!r}"
            for name, value in _written(recipe).items()
            if stored[name] != value
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"{record}: not the record of a conversion ({error!r}); give an empty folder as --audio-out"
        ) from error
    if differences:
        raise CorpusError(
            f"{str(folder)!r} holds copies of {'; '.join(differences)}; give another folder as --audio-out"
        )


def claim_folder(folder: Path, recipe: Recipe) -> None:
    """Make the folder, note what its copies are made of, and clear what killed runs left.

    Raises:
        CorpusError: The folder cannot be written to.
    """
    with disk_errors_as_sentence(folder, "--audio-out", lambda: "nothing was converted"):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / RECORD_FILE).is_file():
            record = {**_written(recipe), "preparer": f"emotion2vec {__version__}"}
            write_text(folder / RECORD_FILE, json.dumps(record, indent=2) + "\n")
    remove_partial_files(folder)


def finished_copies(root: Path, folder: Path, pairs: Sequence[tuple[str, str]]) -> list[bool]:
    """Tell for each (source, copy) whether the copy is there and newer than its source."""
    return [_is_newer(folder / copy, root / source) for source, copy in pairs]


def _is_newer(copy: Path, source: Path) -> bool:
    try:
        return os.stat(copy).st_mtime_ns >= os.stat(source).st_mtime_ns  # noqa: PTH116  (31,000 times)
    except OSError:
        return False


def _written(recipe: Recipe) -> dict[str, str]:
    """Return the recipe as it is stored: the channel as text."""
    return {
        "corpus": recipe.corpus,
        "channel": str(recipe.channel),
        "format": recipe.audio_format,
    }


def _and_more(paths: Sequence[str]) -> str:
    return f" and {len(paths) - 1} more" if len(paths) > 1 else ""
