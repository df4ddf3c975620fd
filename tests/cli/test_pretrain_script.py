"""scripts/pretrain.sh: the command it starts, seen by a stand-in for Python and torchrun."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

ROOT = Path(__file__).resolve().parents[2]

RECORDER = """#!/bin/sh
case "$*" in *device_count*) echo 0 && exit ;; esac
for argument in "${0##*/}" "$@"; do printf '%s\\n' "$argument"; done
printf 'OMP=%s MALLOC=%s\\n' "$OMP_NUM_THREADS" "$MALLOC_TRIM_THRESHOLD_"
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with the script, one config and an environment whose programs print their arguments."""
    root = tmp_path / "it's a clone"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "pretrain.sh", root / "scripts")
    (root / "config" / "pretraining").mkdir(parents=True)
    (root / "config" / "pretraining" / "tiny.yaml").write_text("# @package _group_\n")
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "torchrun", "fairseq-hydra-train"):
        (programs / name).write_text(RECORDER)
        (programs / name).chmod(0o755)
    return root


@pytest.fixture
def pretrain(repository: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the copied script from another folder."""
    here = tmp_path / "here"
    here.mkdir()

    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if k not in ("NPROC", "OMP_NUM_THREADS")}
        return subprocess.run(
            ["bash", str(repository / "scripts" / "pretrain.sh"), *arguments],
            cwd=here,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def test_one_process_on_cpu_is_plain_python(repository: Path, pretrain) -> None:
    lines = pretrain("tiny", "common.cpu=true").stdout.splitlines()
    assert lines[:4] == ["python", "-P", "-m", "emotion2vec.fairseq_plugin.launch"]
    assert lines[4:8] == [
        "--config-dir",
        f"{repository}/config/pretraining",
        "--config-name",
        "tiny",
    ]
    assert "distributed_training.distributed_world_size=1" in lines


def test_user_dir_is_absolute_and_quoted_for_hydra(repository: Path, pretrain) -> None:
    quoted = f"{repository}/emotion2vec".replace("'", "\\'")
    assert f"common.user_dir='{quoted}'" in pretrain("tiny").stdout.splitlines()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("task.data=manifests/urdu", "task.data='{here}/manifests/urdu'"),
        ("++checkpoint.save_dir=my runs", "++checkpoint.save_dir='{here}/my runs'"),
        ("model.init_from=/a/b.pt", "model.init_from='/a/b.pt'"),
        ("common.log_file=a.log", "common.log_file='{here}/a.log'"),
        ("task.data='quoted name'", "task.data='{here}/quoted name'"),
        ("task.data=${oc.env:CORPUS}", "task.data=${oc.env:CORPUS}"),
        (
            "checkpoint.restore_file=checkpoint_last.pt",
            "checkpoint.restore_file=checkpoint_last.pt",
        ),
        ("checkpoint.restore_file=old/a.pt", "checkpoint.restore_file='{here}/old/a.pt'"),
        ("optimization.lr=[0.1,0.2]", "optimization.lr=[0.1,0.2]"),
        ("+run_config=gpu_1", "+run_config=gpu_1"),
    ],
)
def test_relative_paths_become_absolute(
    pretrain, tmp_path: Path, override: str, expected: str
) -> None:
    lines = pretrain("tiny", override).stdout.splitlines()
    assert expected.replace("{here}", str(tmp_path / "here")) in lines


@pytest.mark.parametrize(
    "place", ["/it's", "/a\\b", "/a\\'b", "/a\\\\'b", "/a, b[c]", "/ends with\\"]
)
def test_hydra_reads_a_place_as_it_is_written(pretrain, place: str) -> None:
    lines = pretrain("tiny", f"+model.init_from={place}").stdout.splitlines()
    (override,) = [line for line in lines if line.startswith("+model.init_from=")]
    assert OverridesParser.create().parse_override(override).value() == place


def test_a_config_for_cpu_is_one_process_on_a_machine_with_gpus_too(
    repository: Path, pretrain
) -> None:
    recorder = repository / ".venv" / "bin" / "python"
    recorder.write_text(recorder.read_text().replace("echo 0", "echo 8"))
    config = repository / "config" / "pretraining" / "tiny.yaml"
    config.write_text("common:\n  cpu: true\n")
    lines = pretrain("tiny").stdout.splitlines()
    assert "distributed_training.distributed_world_size=1" in lines


def test_two_processes_on_cpu_use_torchrun(pretrain) -> None:
    lines = pretrain("tiny", "common.cpu=true", NPROC="2").stdout.splitlines()
    assert lines[:3] == ["torchrun", "--nproc_per_node", "2"]
    assert {
        "distributed_training.distributed_world_size=2",
        "distributed_training.distributed_backend=gloo",
        "distributed_training.distributed_rank=${oc.env:RANK}",
        "checkpoint.load_checkpoint_on_all_dp_ranks=true",
    } <= set(lines)


def test_users_overrides_come_last_so_that_they_win(pretrain) -> None:
    lines = pretrain("tiny", "distributed_training.ddp_backend=no_c10d", NPROC="2").stdout
    ours, theirs = (lines.index(f"ddp_backend={name}") for name in ("legacy_ddp", "no_c10d"))
    assert ours < theirs


def test_a_run_config_keeps_its_number_of_processes(pretrain) -> None:
    lines = pretrain("tiny", "+run_config=gpu_4", "common.cpu=true").stdout
    assert "distributed_world_size" not in lines


def test_allocator_and_threads_are_set_on_cpu(pretrain) -> None:
    last = pretrain("tiny", "common.cpu=true").stdout.splitlines()[-1]
    assert re.fullmatch(r"OMP=[1-9][0-9]* MALLOC=17179869184", last)


def test_a_users_thread_count_is_kept(pretrain) -> None:
    assert pretrain("tiny", OMP_NUM_THREADS="3").stdout.splitlines()[-1].startswith("OMP=3 ")


def test_a_config_file_of_ones_own_keeps_the_run_configs(
    repository: Path, pretrain, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text("# @package _group_\n")
    lines = pretrain("../mine.yaml").stdout.splitlines()
    assert lines[5:8] == [str(tmp_path), "--config-name", "mine"]
    assert any(line.startswith("hydra.searchpath=['file://") for line in lines)


def test_help_lists_the_configs(pretrain) -> None:
    done = pretrain("--help")
    assert done.returncode == 0
    assert "usage: scripts/pretrain.sh CONFIG" in done.stdout
    assert "tiny" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "sentence"),
    [
        (["tyni"], {}, 1, r"error: no config 'tyni' in config/pretraining; expected one of: tiny"),
        (
            ["./no.yaml"],
            {},
            1,
            r"error: no config file '\./no\.yaml'; expected a YAML file or one of",
        ),
        (["tiny"], {"NPROC": "two"}, 1, r"error: NPROC must be a whole number .* but is 'two'"),
        (
            ["--config-name"],
            {},
            2,
            r"error: the first argument is a config's name, not '--config-name'",
        ),
        ([], {}, 2, r"usage: scripts/pretrain\.sh CONFIG"),
    ],
)
def test_mistakes_are_one_sentence(pretrain, arguments, variables, status, sentence) -> None:
    done = pretrain(*arguments, **variables)
    assert done.returncode == status
    assert re.match(sentence, done.stderr), done.stderr


def test_an_environment_without_fairseq_is_named(repository: Path, pretrain) -> None:
    shutil.rmtree(repository / ".venv")
    done = pretrain("tiny", PATH="/usr/bin:/bin")
    assert done.returncode == 1
    assert done.stderr.startswith("error: fairseq is not installed in this environment")


def test_the_script_is_executable() -> None:
    assert (ROOT / "scripts" / "pretrain.sh").stat().st_mode & stat.S_IXUSR
