"""Imports point down only, and only the plugin knows fairseq: the contracts of .importlinter."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import PACKAGE, ROOT

LINT = (
    "import sys; from importlinter.cli import lint_imports;"
    "sys.exit(lint_imports(config_filename=sys.argv[1], no_cache=True))"
)


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", LINT, str(root / ".importlinter")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_package_keeps_its_contracts() -> None:
    done = _lint(ROOT)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "0 broken" in done.stdout


def test_a_planted_import_of_fairseq_is_caught(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "emotion2vec", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    losses = tmp_path / "emotion2vec" / "model" / "losses.py"
    losses.write_text(f"{losses.read_text('utf-8')}\nimport fairseq\n", "utf-8")
    done = _lint(tmp_path)
    assert done.returncode == 1
    assert "emotion2vec.model.losses -> fairseq" in done.stdout
