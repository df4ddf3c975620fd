"""`reproduce.py --list`, `--collect`, `--launcher`, and a user's mistakes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from emotion2vec.cli.main import main
from emotion2vec.errors import ConfigError
from emotion2vec.reproduction import execute, launch
from emotion2vec.reproduction.cells import Plan
from emotion2vec.reproduction.execute import run_cell
from tests.reproduction.stores import damage, write_store
from tests.reproduction.written import cell

Reproduce = Callable[..., int]


def test_list_shows_cells_and_needs_and_runs_nothing(
    reproduce: Reproduce, meld: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("--table", 3, "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"ready    meld/emotion2vec (Table 3): {meld} SYNTHETIC" in lines
    assert "skipped  meld/data2vec (Table 3): no features of meld for the row data2vec" in lines
    assert not (tmp_path / "out").exists()
    reproduce("--table", 3)
    capsys.readouterr()
    reproduce("--table", 3, "--list")
    assert f"finished meld/emotion2vec (Table 3): {meld} SYNTHETIC" in capsys.readouterr().out


def test_list_needs_neither_features_nor_a_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--all", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        "skipped  meld/emotion2vec (Table 3): no features of meld for the row emotion2vec" in lines
    )
    assert not [line for line in lines if not line.startswith("skipped ")]


def test_collect_writes_the_tables_of_what_is_finished(
    reproduce: Reproduce, meld: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reproduce("--table", 3)
    write_store(tmp_path / "features" / "savee", "savee")
    capsys.readouterr()
    assert reproduce("--table", 3, "--collect") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "open    savee_10fold/emotion2vec: not run yet SYNTHETIC" in lines
    assert lines[-1] == "done=0 kept=1 failed=0 skipped=13 open=1"
    assert (
        "- `savee_10fold/emotion2vec` open: not run yet"
        in (tmp_path / "out/tables/table_03.md").read_text()
    )


def test_a_launcher_of_hydra_runs_the_cells(
    reproduce: Reproduce, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    damage(write_store(tmp_path / "features" / "meld", "meld"))
    write_store(tmp_path / "features" / "savee", "savee")
    assert reproduce("--table", 3, "--launcher", "basic") == 1
    out = capfd.readouterr().out
    assert "the same command with --collect instead of --launcher" in out
    assert out.splitlines()[-1] == "done=0 kept=1 failed=1 skipped=13 open=0"
    assert cell(tmp_path, "03", "emotion2vec", "savee_10fold")["state"] == "kept"
    assert "NaN or infinity" in cell(tmp_path, "03", "emotion2vec", "meld")["reason"]


@pytest.mark.parametrize(
    "place", ["/plain/place", "/it's", "/a\\b", "/a\\'b", "/a\\\\'b", "/a, b=[c]", "/ends with\\"]
)
def test_hydra_reads_a_place_as_it_is_written(place: str) -> None:
    override = OverridesParser.create().parse_override(f"jobs_file={launch._quoted(place)}")
    assert str(override.value()) == place


def test_a_launcher_that_is_not_there_is_one_sentence(
    reproduce: Reproduce, meld: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("--table", 3, "--launcher", "nothing") == 1
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("error: Hydra's launcher 'nothing' ended with status 1: ")
    assert "nothing" in error.split("status 1:")[1].split("; where no job")[0]


def test_tables_of_what_is_finished_are_written_when_a_job_dies(
    reproduce: Reproduce, meld: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def die(plan: Plan, out: Path, *, config_dir: Path, **_: object) -> None:
        run_cell(plan.cells["meld/emotion2vec"], out / "cells/meld/emotion2vec", config_dir)
        raise ConfigError("Hydra's launcher 'x' ended with status 1: killed")

    write_store(tmp_path / "features" / "savee", "savee")
    monkeypatch.setattr(launch, "launch", die)
    assert reproduce("--table", 3, "--launcher", "x") == 1
    printed = capfd.readouterr()
    assert printed.out.splitlines()[-1] == "done=0 kept=1 failed=0 skipped=13 open=1"
    assert printed.err.splitlines()[-1] == "error: Hydra's launcher 'x' ended with status 1: killed"
    assert cell(tmp_path, "03", "emotion2vec", "meld")["state"] == "kept"


def test_each_command_has_jobs_of_its_own(
    reproduce: Reproduce, meld: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.CompletedProcess([], 0, stderr="")
    monkeypatch.setattr(launch.subprocess, "run", lambda *_, **__: done)
    for settings in ([], ["meld.lr=0.0002"]):
        reproduce("--table", 3, "--launcher", "basic", *settings)
    files = list((tmp_path / "out" / "launcher").glob("*/jobs.json"))
    rates = [
        json.loads(path.read_text())["cells"]["meld/emotion2vec"]["settings"]["lr"]
        for path in files
    ]
    assert sorted(rates) == [0.0002, 0.0005]


def test_a_bug_in_a_job_is_found_by_collect_until_the_features_change(
    reproduce: Reproduce, meld: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    done = subprocess.CompletedProcess([], 0, stderr="")
    with monkeypatch.context() as patch:
        patch.setattr(launch.subprocess, "run", lambda *_, **__: done)
        reproduce("--table", 3, "--launcher", "basic")
        (jobs,) = (tmp_path / "out" / "launcher").glob("*/jobs.json")
        patch.setattr(execute, "train", _fail)
        with pytest.raises(RuntimeError):
            launch.run_job(jobs, "meld/emotion2vec")
    capfd.readouterr()
    assert reproduce("--table", 3, "--collect") == 1
    assert "failed  meld/emotion2vec: RuntimeError: a bug" in capfd.readouterr().out
    write_store(meld, "meld", shift=1.0, overwrite=True)
    assert reproduce("--table", 3, "--collect") == 0
    assert "open    meld/emotion2vec: not run yet" in capfd.readouterr().out


def _fail(*_: object) -> None:
    raise RuntimeError("a bug")


def test_jobs_of_submitit_run_the_cells(reproduce: Reproduce, meld: Path, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="needs the extra slurm")
    settings = "hydra.launcher.timeout_min=5"
    assert reproduce("--table", 3, "--launcher", "submitit_local", settings) == 0
    assert cell(tmp_path, "03", "emotion2vec", "meld")["state"] == "kept"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "3", "--features", "nowhere", "--out", "OUT"], "no features 'nowhere': no such folder"),
        (["--table", "3", "--features", "a/b=x", "--out", "OUT"], "'a/b' cannot name a row"),
        (["--table", "12", "--out", "OUT"], "no table '12' to reproduce"),
        (["--out", "OUT"], "nothing to reproduce; give --table N, --figure N or --all"),
        (["--table", "3", "--out", "OUT", "--features", "row=nowhere"], "no features 'nowhere': no such folder"),
        (["--table", "3"], "no place for the results; give --out OUT"),
        (["--table", "3", "--out", "OUT"], "none of the 15 cells can run, e.g. meld/wavlm_base: no features"),
        (["--table", "3", "--out", "OUT", "hydra.launcher.x=1"], "is a launcher's setting; give --launcher NAME"),
        (["--table", "3", "--out", "OUT", "--config-dir", "nowhere"], "no protocol 'meld' in 'nowhere'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_status_1(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(tmp_path / "out") if text == "OUT" else text for text in arguments]
    assert main(["reproduce", *given]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not (tmp_path / "out").exists()
