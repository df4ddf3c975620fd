"""Runs many cells through Hydra's launcher, e.g. each as a job of SLURM.

In: `Plan`. Out: folders of the cells, as `execute.py` writes them; it is the reproduction's own program, `job.py`, that
Hydra runs, once for each cell.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emotion2vec.errors import ConfigError
from emotion2vec.features.store import FeatureStore
from emotion2vec.files import write_text
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.conversation_config import ConversationConfig
from emotion2vec.reproduction.cells import Cell, Plan
from emotion2vec.reproduction.execute import look_up, run_cell, write_failure
from emotion2vec.reproduction.library import StoreEntry

LOGS = "launcher"
_KINDS = {"probe": ProbeConfig, "conversation": ConversationConfig}


def launch(
    plan: Plan, out: Path, *, config_dir: Path, launcher: str, overrides: Sequence[str]
) -> None:
    """Run every cell that is not finished, each as a job, and wait for them.

    Args:
        plan: The cells.
        out: Folder of the reproduction; the machines that run the jobs must see it under the same name.
        config_dir: Folder of the protocols.
        launcher: Name of a launcher that Hydra knows.
        overrides: Settings of the launcher, `hydra.launcher.NAME=VALUE`.

    Raises:
        ConfigError: Hydra cannot run the jobs, or one of them has died; others may have finished.
    """
    todo = [cell for cell in plan.cells.values() if look_up(cell, out, config_dir).state == "open"]
    if not todo:
        return
    contents = {"out": str(out.resolve()), "config_dir": str(config_dir.resolve()),
                "cells": {cell.name: _as_json(cell) for cell in todo}}  # fmt: skip
    text = json.dumps(contents, indent=1) + "\n"
    # jobs of an earlier command may still wait to read theirs
    folder = (out / LOGS / hashlib.sha256(text.encode()).hexdigest()[:12]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "jobs.json"
    write_text(path, text)
    command = [
        sys.executable, "-m", "emotion2vec.reproduction.job", "--multirun", f"hydra/launcher={launcher}",
        f"hydra.sweep.dir={_quoted(str(folder))}", f"jobs_file={_quoted(str(path))}",
        f"cell={','.join(cell.name for cell in todo)}", *overrides,
    ]  # fmt: skip
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, env=os.environ)
    if done.returncode != 0:
        raise ConfigError(
            f"Hydra's launcher {launcher!r} ended with status {done.returncode}: {_essence(done.stderr)}; where no "
            "job has begun check its name and hydra.launcher.* (submitit: pip install 'emotion2vec[slurm]'), else "
            f"see the jobs' logs in {folder}; the same command goes on with the cells that are not finished"
        )


def run_job(jobs_file: Path, name: str) -> None:
    """Run one cell of a jobs file; a failure is written to its folder, where `reproduce` finds it."""
    contents = json.loads(jobs_file.read_text(encoding="utf-8"))
    folder, config_dir = Path(contents["out"]) / "cells" / name, Path(contents["config_dir"])
    cell = _from_json(contents["cells"][name])
    try:
        run_cell(cell, folder, config_dir)
    except Exception as error:  # a bug: the log has its traceback
        write_failure(cell, folder, config_dir, f"{type(error).__name__}: {error}")
        raise


def _as_json(cell: Cell) -> dict[str, Any]:
    config = cell.config
    assert config is not None
    settings = asdict(config)
    for key in ("features", "utterance_features", "text_features", "manifest"):
        if settings.get(key):
            settings[key] = str(Path(settings[key]).resolve())
    return {
        "name": cell.name,
        "protocol": cell.protocol,
        "row": cell.row,
        "title": cell.title,
        "stores": [
            [str(entry.folder.resolve()), entry.store.paths.split] for entry in cell.entries
        ],
        "kind": "conversation" if isinstance(config, ConversationConfig) else "probe",
        "settings": settings,
        "badges": list(cell.badges),
    }


def _from_json(raw: dict[str, Any]) -> Cell:
    entries = tuple(
        StoreEntry(raw["row"], raw["title"], FeatureStore.open(folder, split))
        for folder, split in raw["stores"]
    )
    config = _KINDS[raw["kind"]](**raw["settings"])
    badges = tuple(raw["badges"])
    return Cell(raw["name"], raw["protocol"], raw["row"], raw["title"], entries, config, badges)


def _essence(stderr: str) -> str:
    """Keep what Hydra says of a mistake, and of a crash its last lines."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    noise = (
        "Set the environment variable",
        "Config search path",
        "provider=",
        "full_key",
        "object_type",
    )
    said = [line for line in lines if not line.startswith(noise)]
    return " ".join(said[-3:])[-600:]


def _quoted(text: str) -> str:
    """Quote a value as Hydra's grammar reads it: backslashes count only before a quote, which ends the value too."""
    return "'" + re.sub(r"(\\*)('|\Z)", lambda m: 2 * m[1] + ("\\'" if m[2] else ""), text) + "'"
