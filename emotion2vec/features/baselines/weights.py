"""The file with a baseline's weights: given, already here, or fetched.

In: a `Baseline`, and a path where the user gave one. Out: the path of a local file. Files lie where torchaudio's and
torch.hub's own do, so what one program has fetched the other finds.
"""

import http.client
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import torch

from emotion2vec.errors import CheckpointError
from emotion2vec.features.baselines.catalogue import Baseline
from emotion2vec.files import replacing
from emotion2vec.progress import progress

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0  # to connect, and between two pieces
_PIECE_BYTES = 1 << 20


def find_weights(baseline: Baseline, given: Path | None) -> Path:
    """Find the file with a baseline's weights, or fetch it.

    Args:
        baseline: What is to be loaded.
        given: The file that the user named; None to look where files of torch.hub lie.

    Returns:
        An existing file.

    Raises:
        CheckpointError: There is none, and none could be fetched; says which file to put where.
    """
    assert baseline.url is not None
    if given is not None:
        if not given.is_file():
            raise CheckpointError(
                f"no file {str(given)!r} with the weights of {baseline.name}: expected {baseline.url}, stored here"
            )
        return given
    place = cached_place(baseline)
    if not place.is_file():
        try:
            _fetch(baseline.url, place)
        except (OSError, http.client.HTTPException) as error:
            raise CheckpointError(
                f"{baseline.name} needs its weights, which are not here and could not be fetched ({_cause(error)}): "
                f"fetch {baseline.url} where there is a network and put it at {place}, or say "
                f"{baseline.name}:PATH with the path of the file"
            ) from None
    return place


def cached_place(baseline: Baseline) -> Path:
    """Return where torch.hub keeps the file: $TORCH_HOME/hub/checkpoints, by default below ~/.cache/torch."""
    assert baseline.url is not None
    return Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(baseline.url).name


def _fetch(url: str, place: Path) -> None:
    """Fetch a file, whole or not at all."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        expected = int(answer.headers.get("Content-Length") or 0)
        logger.info("fetching %s (%d MB) to %s", url, expected // 10**6, place)
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as temporary, temporary.open("wb") as file:
            pieces = progress(
                _pieces(answer),
                description=place.name,
                total=-(-expected // _PIECE_BYTES) or None,
                unit="MB",
            )
            found = sum(file.write(piece) for piece in pieces)
            if expected and found != expected:
                raise OSError(f"the connection ended after {found} of {expected} bytes")


def _pieces(answer: BinaryIO) -> Iterator[bytes]:
    while piece := answer.read(_PIECE_BYTES):
        yield piece


def _cause(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(reason) or type(error).__name__
