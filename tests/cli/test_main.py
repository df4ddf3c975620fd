"""The command line turns a user's mistake into one sentence and an exit status."""

import argparse
import subprocess
import sys
import types
from pathlib import Path

import pytest

from emotion2vec import __version__
from emotion2vec.cli import main as cli
from emotion2vec.errors import AudioError

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = {
    "check_manifest.py": "check",
    "compare_results.py": "compare",
    "extract_features.py": "extract",
    "make_report.py": "report",
    "prepare_corpus.py": "prepare",
    "train_probe.py": "probe",
    "visualize_umap.py": "umap",
}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Register the command `fake`, whose `run` the test replaces."""
    module = types.ModuleType("fake_command", "Do nothing.\n\nSecond paragraph.")
    module.HELP = "does nothing"
    module.add_arguments = lambda parser: parser.add_argument("--number", type=int)
    module.run = lambda arguments: None
    monkeypatch.setitem(sys.modules, "fake_command", module)
    monkeypatch.setattr(cli, "COMMANDS", {"fake": "fake_command"})
    return module


def _raise(error: BaseException):
    def run(arguments: argparse.Namespace) -> int:
        raise error

    return run


def test_a_command_that_returns_nothing_succeeds(command: types.ModuleType) -> None:
    assert cli.main(["fake"]) == 0


def test_a_command_chooses_its_exit_status(command: types.ModuleType) -> None:
    command.run = lambda arguments: arguments.number
    assert cli.main(["fake", "--number", "1"]) == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            AudioError("a.wav", "empty file;\n   record it again"),
            "a.wav: empty file; record it again",
        ),
        (
            FileNotFoundError(2, "No such file or directory", "x.tsv"),
            "x.tsv: No such file or directory",
        ),
        (OSError("disk on fire"), "disk on fire"),
    ],
)
def test_a_users_mistake_is_one_line_on_stderr(
    command: types.ModuleType, capsys: pytest.CaptureFixture[str], error: Exception, sentence: str
) -> None:
    command.run = _raise(error)
    assert cli.main(["fake"]) == 1
    printed = capsys.readouterr()
    assert printed.err == f"error: {sentence}\n"
    assert printed.out == ""


def test_debug_shows_the_traceback(command: types.ModuleType) -> None:
    command.run = _raise(AudioError("a.wav", "empty"))
    with pytest.raises(AudioError, match=r"a\.wav: empty"):
        cli.main(["fake", "--debug"])


def test_a_bug_of_ours_keeps_its_traceback(command: types.ModuleType) -> None:
    command.run = _raise(ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError, match="bug"):
        cli.main(["fake"])


def test_interrupt_ends_with_status_130(
    command: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    command.run = _raise(KeyboardInterrupt())
    assert cli.main(["fake"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_wrong_usage_ends_with_status_2(
    command: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["fake", "--number", "many"])
    assert caught.value.code == 2
    assert "invalid int value: 'many'" in capsys.readouterr().err


def test_unknown_command_names_the_known_ones(
    command: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["fkae"]) == 2
    assert capsys.readouterr().err == "error: unknown command 'fkae'; expected one of ['fake']\n"


def test_help_lists_the_commands(
    command: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--help"]) == 0
    assert "fake       does nothing" in capsys.readouterr().out


def test_no_command_prints_the_help_and_fails(command: types.ModuleType) -> None:
    assert cli.main([]) == 2


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"emotion2vec {__version__}\n"


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_answers_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0
    assert f"usage: emotion2vec {name}" in capsys.readouterr().out


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_every_script_answers_help(script: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: {script}" in done.stdout


@pytest.mark.parametrize(("script", "command_name"), sorted(SCRIPTS.items()))
def test_scripts_hold_no_logic(script: str, command_name: str) -> None:
    lines = (ROOT / "scripts" / script).read_text("utf-8").splitlines()
    assert len(lines) <= 8
    assert f'    script_main("{command_name}")' in lines


def test_commands_are_listed_without_torch_or_fairseq() -> None:
    code = (
        "import sys; from emotion2vec.cli.main import main; main(['--help']);"
        "bad = {'torch', 'fairseq', 'hydra'} & set(sys.modules); assert not bad, bad"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
