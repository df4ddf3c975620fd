"""scripts/setup_env.sh: which Python it takes, when it installs, what it says when it cannot.

A stand-in plays Python: it answers for a version, "makes" an environment by copying itself, and records pip calls.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PYTHON = """#!/bin/sh
log={log}
case "$1 $2" in
    "-c "*) [ {fits} = yes ] ;;
    "--version "*) echo "Python {version}" ;;
    "-m venv") mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && echo "venv" >>"$log" ;;
    "-m pip")
        [ "$3" = --version ] && exit 0
        [ ! -e "$log.fail" ] || {{ echo "pip: no network" >&2; exit 1; }}
        shift 3; echo "pip $*" >>"$log" ;;
    *) exit 3 ;;
esac
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with the script and what it reads, in a path with a space."""
    root = tmp_path / "a clone"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup_env.sh", root / "scripts")
    for name in ("setup.py", "constraints.txt"):
        shutil.copy(ROOT / name, root)
    return root


@pytest.fixture
def put_program(tmp_path: Path) -> Callable[[str, str], None]:
    """Put a program first on the PATH that `set_up` uses."""
    (tmp_path / "programs").mkdir()

    def put(name: str, text: str) -> None:
        program = tmp_path / "programs" / name
        program.write_text(text)
        program.chmod(0o755)

    return put


@pytest.fixture
def python(put_program: Callable[[str, str], None], tmp_path: Path) -> None:
    """Offer a fitting python3.11 behind a python3.12 that does not start (a version manager's shim)."""
    text = PYTHON.format(log=tmp_path / "log", fits="yes", version="3.11.9")
    put_program("python3.11", text)
    put_program("python3.12", "#!/bin/sh\necho 'command not found' >&2\nexit 127\n")


@pytest.fixture
def set_up(repository: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Source the script from another folder and print the `python` that is found afterwards."""

    def call(**variables: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("EMOTION2VEC", "VIRTUAL"))}
        path = f"{tmp_path / 'programs'}:/usr/bin:/bin"
        return subprocess.run(
            [
                "bash",
                "-euo",
                "pipefail",
                "-c",
                'source "$0"; command -v python',
                str(repository / "scripts" / "setup_env.sh"),
            ],
            cwd=tmp_path,
            env={**kept, "PATH": path, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def _log(tmp_path: Path) -> list[str]:
    log = tmp_path / "log"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.usefixtures("python")
def test_the_first_run_makes_an_environment_and_puts_it_on_the_path(
    repository: Path, set_up, tmp_path: Path
) -> None:
    done = set_up()
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{repository}/.venv/bin/python"
    assert [line.split()[0] for line in _log(tmp_path)] == ["venv", "pip", "pip"]


@pytest.mark.usefixtures("python")
def test_torch_is_installed_first_and_pinned(set_up, tmp_path: Path) -> None:
    set_up()
    first, second = _log(tmp_path)[1:]
    assert first.endswith("--constraint constraints.txt setuptools torch==2.13.0")
    assert "--constraint constraints.txt" in second
    assert "--editable .[" in second


@pytest.mark.usefixtures("python")
def test_the_second_run_installs_nothing(set_up, tmp_path: Path) -> None:
    set_up()
    before = _log(tmp_path)
    assert set_up().returncode == 0
    assert _log(tmp_path) == before


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("name", ["setup.py", "constraints.txt"])
def test_a_changed_requirement_installs_again_into_the_same_environment(
    repository: Path, set_up, tmp_path: Path, name: str
) -> None:
    set_up()
    with (repository / name).open("a") as file:
        file.write("# changed\n")
    set_up()
    assert [line.split()[0] for line in _log(tmp_path)] == ["venv", "pip", "pip", "pip", "pip"]


@pytest.mark.usefixtures("python")
def test_an_interrupted_installation_is_continued(set_up, tmp_path: Path) -> None:
    (tmp_path / "log.fail").touch()
    failed = set_up()
    assert failed.returncode == 1
    assert "pip: no network" in failed.stderr
    assert "error: the packages could not be installed" in failed.stderr
    (tmp_path / "log.fail").unlink()
    assert set_up().returncode == 0
    assert [line.split()[0] for line in _log(tmp_path)] == ["venv", "pip", "pip"]


@pytest.mark.usefixtures("python")
def test_an_environment_that_was_moved_is_made_anew(
    repository: Path, set_up, tmp_path: Path
) -> None:
    set_up()
    mark = repository / ".venv" / ".emotion2vec"
    mark.write_text(mark.read_text().replace("a clone", "elsewhere"))
    set_up()
    assert [line.split()[0] for line in _log(tmp_path)].count("venv") == 2


@pytest.mark.parametrize("version", ["3.10.4", "3.13.0"])
def test_another_python_is_refused_in_one_sentence(
    set_up, put_program, tmp_path: Path, version: str
) -> None:
    text = PYTHON.format(log=tmp_path / "log", fits="no", version=version)
    for name in ("python3.12", "python3.11", "python3", "python"):
        put_program(name, text)
    done = set_up()
    assert done.returncode == 1
    expected = f"error: emotion2vec needs Python 3.11 or 3.12; found Python {version}."
    assert done.stderr.startswith(expected)
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize(
    ("system", "machine", "sentence"),
    [
        ("Darwin", "arm64", "error: emotion2vec runs on Linux only; this is Darwin."),
        ("Linux", "aarch64", "error: emotion2vec needs an x86_64 machine"),
    ],
)
def test_another_machine_is_refused_in_one_sentence(
    set_up, put_program, system: str, machine: str, sentence: str
) -> None:
    put_program("uname", f'#!/bin/sh\n[ "$1" = -s ] && echo {system} || echo {machine}\n')
    done = set_up()
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)


@pytest.mark.usefixtures("python")
def test_a_python_can_be_chosen(set_up, tmp_path: Path) -> None:
    done = set_up(EMOTION2VEC_PYTHON=str(tmp_path / "no-such-python"))
    assert done.returncode == 1
    assert "set EMOTION2VEC_PYTHON to one" in done.stderr


@pytest.mark.usefixtures("python")
def test_the_extras_can_be_chosen(set_up, tmp_path: Path) -> None:
    set_up(EMOTION2VEC_EXTRAS="dev")
    assert _log(tmp_path)[-1].endswith("--editable .[dev]")
