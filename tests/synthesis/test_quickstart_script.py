"""The quickstart's command line; the whole flow is an integration test of its own."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "quickstart.sh"


def run_script(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_help_explains_what_will_be_made(tmp_path: Path) -> None:
    done = run_script("--help", cwd=tmp_path)

    assert done.returncode == 0
    assert "SYNTHETIC speech" in done.stdout
    assert "report.html" in done.stdout


@pytest.mark.parametrize("arguments", [("--fast",), ("one", "two")])
def test_wrong_usage_exits_with_2_and_makes_nothing(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = run_script(*arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
    assert list(tmp_path.iterdir()) == []
