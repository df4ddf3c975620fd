"""Keeps the runs that are done, so that a protocol that was interrupted goes on where it stopped.

In: `RunResult`s as they come. Out: a file for each in the protocol's folder, until there is a result.
Files are of one set of settings, features and folds and one version of this program; those of another are not read.
"""

import contextlib
import json
import logging
import re
import zipfile
from pathlib import Path

import numpy as np

import emotion2vec
from emotion2vec.files import replacing
from emotion2vec.probe.run_result import RunResult
from emotion2vec.seeding import derive_seed

logger = logging.getLogger(__name__)

FOLDER = "unfinished_runs"
_NAME = re.compile(r"[0-9a-f]{16}_fold\d{3,}_seed-?\d+\.npz")
_ARRAYS = ("confusion_KK", "embeddings_NH", "predicted_N", "layer_weights_L")
_NUMBERS = ("best_epoch", "valid_wa", "valid_ua", "lr")


class SavedRuns:
    """The finished runs of one protocol; a damaged file counts as none."""

    def __init__(self, run_dir: Path, *, identity: str) -> None:
        """Look into the folder of earlier runs.

        Args:
            run_dir: Folder of the protocol's result.
            identity: Everything that decides a run's outcome but its fold and seed.
        """
        self._folder = run_dir / FOLDER
        self.identity = f"{derive_seed(emotion2vec.__version__, identity):016x}"

    def load(self, fold: int, seed: int) -> RunResult | None:
        """Read a run; None where it has not finished under these settings."""
        path = self._path(fold, seed)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                facts = json.loads(str(arrays["facts"]))
                found = {name: arrays[name] for name in _ARRAYS if name in arrays}
            numbers = {name: facts[name] for name in _NUMBERS}
            curve = tuple(
                (int(epoch), float(loss), float(wa)) for epoch, loss, wa in facts["curve"]
            )
            return RunResult(fold=fold, seed=seed, curve=curve, **numbers, **found)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            logger.warning("%s: damaged (%s); this run is trained again", path, error)
            return None

    def save(self, run: RunResult) -> RunResult:
        """Write a run, whole or not at all, and return it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        facts = {"curve": run.curve, **{name: getattr(run, name) for name in _NUMBERS}}
        arrays = {name: getattr(run, name) for name in _ARRAYS if getattr(run, name) is not None}
        with replacing(self._path(run.fold, run.seed)) as temporary:
            np.savez(temporary, facts=np.array(json.dumps(facts)), **arrays)
        return run

    def _path(self, fold: int, seed: int) -> Path:
        return self._folder / f"{self.identity}_fold{fold:03d}_seed{seed}.npz"


def remove_saved_runs(run_dir: Path) -> None:
    """Remove the runs of a protocol whose result is written: it holds what they held. Other files there stay."""
    folder = run_dir / FOLDER
    with contextlib.suppress(OSError):  # the folder is not there, or others' files are in it
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)
        folder.rmdir()
