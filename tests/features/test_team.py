"""Several processes and one store: the same bytes as one, whoever dies on the way."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emotion2vec.cli.main import main
from emotion2vec.data.manifest import Manifest
from emotion2vec.errors import ConfigError, FeatureStoreError, WorkerError
from emotion2vec.features import partial, team
from emotion2vec.features.partial import Share, ShareLock, await_first, is_at_work, ranks_found
from emotion2vec.features.pipeline import extract_manifest
from emotion2vec.features.settings import ExtractionSettings
from emotion2vec.features.store import StorePaths
from emotion2vec.features.team import Team, share_of_torchrun
from tests.features.fakes import FakeUpstream, make_manifest, same_stores
from tests.helpers.checkpoints import write_checkpoint

ROOT = Path(__file__).resolve().parents[2]
SMALL = ExtractionSettings(batch_seconds=1.0)  # 5 batches of 9 utterances


def extract(
    manifest: Manifest,
    out: Path,
    share: Share | None = None,
    *,
    after: int = 10**9,
    patience_s: float = 0.0,
    overwrite: bool = False,
) -> int:
    """Do one process' share in this process; returns the batches that it computed."""
    upstream = FakeUpstream()
    upstream.fail_after = after
    processes = Team(share or Share(), patience_s=patience_s)
    extract_manifest(upstream, manifest, out, settings=SMALL, team=processes, overwrite=overwrite)
    return len(upstream.batch_sizes)


def killed(manifest: Manifest, out: Path, share: Share, *, after: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        extract(manifest, out, share, after=after)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_shares_make_the_store_of_one_process(tmp_path: Path, size: int) -> None:
    manifest = make_manifest(tmp_path)
    whole = extract(manifest, tmp_path / "one")
    parts = [extract(manifest, tmp_path / "many", Share(r, size)) for r in range(1, size)]
    parts.append(extract(manifest, tmp_path / "many", Share(0, size)))
    assert sum(parts) == whole
    assert max(parts) == -(-whole // size)
    assert same_stores(tmp_path / "one", tmp_path / "many")


def test_a_bad_file_of_any_share_is_reported(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    for name in ("utt000.wav", "utt002.wav", "utt004.wav"):  # one of each length
        (manifest.root / name).write_bytes(b"")
    extract(manifest, tmp_path / "one")
    extract(manifest, tmp_path / "two", Share(1, 2))
    extract(manifest, tmp_path / "two", Share(0, 2))
    assert same_stores(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("size_after", [1, 2, 3])
def test_processes_that_are_killed_go_on_in_any_number(tmp_path: Path, size_after: int) -> None:
    manifest = make_manifest(tmp_path)
    whole = extract(manifest, tmp_path / "one")
    killed(manifest, tmp_path / "many", Share(1, 2), after=1)
    killed(manifest, tmp_path / "many", Share(0, 2), after=1)
    ranks = [*range(1, size_after), 0]
    done = sum(extract(manifest, tmp_path / "many", Share(r, size_after)) for r in ranks)
    assert done == whole - 2
    assert same_stores(tmp_path / "one", tmp_path / "many")


def test_process_0_says_what_is_missing_when_another_is_gone(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    killed(manifest, tmp_path / "many", Share(1, 2), after=1)
    with pytest.raises(
        WorkerError, match=r"utterances are missing, but none of the 2 processes is at work"
    ):
        extract(manifest, tmp_path / "many", Share(0, 2))
    extract(manifest, tmp_path / "one")
    extract(manifest, tmp_path / "many")
    assert same_stores(tmp_path / "one", tmp_path / "many")


def test_rows_of_another_process_that_are_gone_are_a_sentence(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    extract(manifest, tmp_path / "out", Share(1, 2))
    rows = tmp_path / "out" / "all.partial.1.f32"
    rows.write_bytes(rows.read_bytes()[:-4])
    message = r"all\.partial\.1\.f32: lacks 4 bytes of rows.*give --overwrite"
    with pytest.raises(FeatureStoreError, match=message):
        extract(manifest, tmp_path / "out", Share(0, 2))
    assert not (tmp_path / "out" / "all.json").exists()


class _Growing:
    """Stands for a writer whose file system has no locks: only what is missing tells that others work."""

    def __init__(self, folder: Path, missing: Sequence[int]) -> None:
        self.paths = StorePaths(folder, "all")
        self.missing = list(missing)

    def collect(self) -> int:
        return self.missing.pop(0)


def test_a_share_that_grows_is_waited_for_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team, "_POLL_S", 0.02)
    others = Team(Share(0, 2), patience_s=0.03)
    growing = _Growing(tmp_path, range(9, -1, -1))
    others.gather(growing)  # type: ignore[arg-type]
    assert growing.missing == []
    with pytest.raises(WorkerError, match="5 utterances are missing"):
        others.gather(_Growing(tmp_path, [9, *[5] * 99]))  # type: ignore[arg-type]


def test_two_runs_into_one_store_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial, "_LOCK_PATIENCE_S", 0.0)
    manifest = make_manifest(tmp_path)
    (tmp_path / "out").mkdir()
    paths = StorePaths(tmp_path / "out", "all")
    lock = ShareLock(paths, 0)
    lock.take()
    assert is_at_work(paths, 0)
    with pytest.raises(FeatureStoreError, match=r"another process is writing this store"):
        extract(manifest, tmp_path / "out")
    lock.release()
    assert not is_at_work(paths, 0)
    extract(manifest, tmp_path / "out")
    assert ranks_found(paths) == []


def test_a_file_system_without_locks_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(partial.fcntl, "flock", flock)
    paths = StorePaths(tmp_path, "all")
    for _ in range(3):
        paths.with_suffix(".partial.lock").touch()
        assert not is_at_work(paths, 0), "nobody can be seen"
    assert caplog.text.count("this file system has no locks; start one run only") == 1


def test_another_split_of_the_same_folder_is_not_locked(tmp_path: Path) -> None:
    first, second = (
        ShareLock(StorePaths(tmp_path, "train"), 0),
        ShareLock(StorePaths(tmp_path, "test"), 0),
    )
    first.take()
    second.take()
    assert first.path != second.path


def test_a_lock_ends_with_its_process_and_its_file_does_not_matter(tmp_path: Path) -> None:
    paths = StorePaths(tmp_path, "all")
    program = (
        "import os, sys; from pathlib import Path\n"
        "from emotion2vec.features.partial import ShareLock\n"
        "from emotion2vec.features.store import StorePaths\n"
        "lock = ShareLock(StorePaths(Path(sys.argv[1]), 'all'), 0); lock.take(); os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, check=False)
    assert done.returncode == 9
    assert (tmp_path / "all.partial.lock").exists()
    assert ShareLock(paths, 0).try_take()


def test_overwriting_in_several_processes_takes_nothing_old(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    extract(manifest, tmp_path / "one")
    extract(manifest, tmp_path / "many")
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(extract, manifest, tmp_path / "many", Share(1, 2), overwrite=True)
        time.sleep(0.3)
        assert not second.done()  # it waits for process 0, which removes the old store
        done = extract(manifest, tmp_path / "many", Share(0, 2), overwrite=True, patience_s=60)
    assert done + second.result() == extract(manifest, tmp_path / "again")
    assert same_stores(tmp_path / "one", tmp_path / "many")


def test_overwriting_without_process_0_ends_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="process 0, which is to remove the old store, has not"):
        await_first(StorePaths(tmp_path, "all"), patience_s=0)


@pytest.mark.parametrize(
    ("values", "share"),
    [
        ({}, Share()),
        ({"RANK": "1", "WORLD_SIZE": "4"}, Share()),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, Share(5, 8, 1)),
    ],
)
def test_torchruns_variables_say_which_process_this_is(values: dict, share: Share) -> None:
    assert share_of_torchrun(values) == share


@pytest.mark.parametrize(
    ("values", "alone", "message"),
    [
        (("a", "2", "0"), False, "RANK, WORLD_SIZE and LOCAL_RANK must be numbers, but are"),
        (("2", "2", "0"), False, "RANK=2 must be below WORLD_SIZE=2"),
        (("0", "2", "0"), True, r"--workers and torchrun \(WORLD_SIZE=2\) both start processes"),
    ],
)
def test_impossible_variables_are_refused(values: Sequence[str], alone: bool, message: str) -> None:
    found = dict(zip(("RANK", "WORLD_SIZE", "LOCAL_RANK"), values, strict=True))
    with pytest.raises(ConfigError, match=message):
        share_of_torchrun(found, alone=alone)


def test_no_workers_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--checkpoint", "logmel", "--audio", "a.wav", "--out", str(tmp_path)]
    assert main(["extract", *arguments, "--workers", "0"]) == 1
    assert "error: --workers must be at least 1, but is 0" in capsys.readouterr().err


def _command(folder: Path, out: str) -> list[str]:
    return [
        *("--checkpoint", str(folder / "a.pt"), "--manifest", str(folder / "manifest" / "all.tsv")),
        *("--out", str(folder / out), "--batch-seconds", "1"),
    ]


@pytest.mark.slow
def test_workers_and_torchrun_write_the_bytes_of_one_process(tmp_path: Path) -> None:
    make_manifest(tmp_path)
    write_checkpoint(tmp_path / "a.pt")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    script = str(ROOT / "scripts" / "extract_features.py")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "3"]
    for start, out in (
        ([sys.executable, script, *_command(tmp_path, "one")], "one"),
        ([sys.executable, script, *_command(tmp_path, "two"), "--workers", "2"], "two"),
        ([*torchrun, script, *_command(tmp_path, "three")], "three"),
    ):
        done = subprocess.run(start, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{tmp_path / out}: 9 of 9 utterances, features of a.pt\n"
        assert same_stores(tmp_path / "one", tmp_path / out)


SLOW_WORKERS = """
import os, signal, sys, time
from pathlib import Path
from emotion2vec.data.manifest import read_manifest
from emotion2vec.errors import WorkerError
from emotion2vec.features.pipeline import extract_manifest
from emotion2vec.features.settings import ExtractionSettings
from emotion2vec.features.team import Team, started
from tests.features.fakes import FakeUpstream

class Slow(FakeUpstream):
    def encode(self, *arguments):
        time.sleep(0.5)
        return super().encode(*arguments)

def work(folder, share):
    if share.rank == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    run(folder, Team(share))

def run(folder, team):
    manifest = read_manifest(folder / "manifest" / "all.tsv")
    settings = ExtractionSettings(batch_seconds=1.0)
    extract_manifest(Slow(), manifest, folder / "many", settings=settings, team=team)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    try:
        with started(work, folder, size=3) as team:
            print("pids", *(worker.pid for worker in team.workers), flush=True)
            run(folder, team)
    except WorkerError as error:
        print("error:", error)
"""


def _slow_workers(tmp_path: Path, victim: int) -> "subprocess.Popen[str]":
    program = tmp_path / "program.py"
    program.write_text(SLOW_WORKERS)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{':'.join(sys.path)}"}
    return subprocess.Popen(
        [sys.executable, program, tmp_path, str(victim)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_killed_worker_is_told_in_a_sentence_and_its_share_is_done_later(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    with _slow_workers(tmp_path, victim=2) as process:
        output = process.communicate(timeout=300)[0]
    assert "error: worker 2 of 3 was killed by signal 9" in output
    assert "what was computed is kept: run the same command again" in output
    extract(manifest, tmp_path / "one")
    extract(manifest, tmp_path / "many")
    assert same_stores(tmp_path / "one", tmp_path / "many")


@pytest.mark.slow
def test_workers_end_with_a_killed_parent_and_leave_no_lock(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    with _slow_workers(tmp_path, victim=0) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()[1:]]
        while not (tmp_path / "many" / "all.partial.1.jsonl").exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    extract(manifest, tmp_path / "one")
    extract(manifest, tmp_path / "many")
    assert same_stores(tmp_path / "one", tmp_path / "many")


def test_the_beginning_of_a_journal_that_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path)
    (tmp_path / "out").mkdir()
    leftover = tmp_path / "out" / ".all.partial.2.2607.part.jsonl"
    foreign = tmp_path / "out" / ".test.partial.2.2607.part.jsonl"
    for path in (leftover, foreign):
        path.write_text("{")
    extract(manifest, tmp_path / "out")
    assert not leftover.exists()
    assert foreign.exists(), "another split's may be at work"
