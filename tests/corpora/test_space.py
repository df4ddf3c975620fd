"""A disk that is full or may not be written to: one sentence, before the work where that can be known."""

import errno
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotion2vec.corpora import space
from emotion2vec.corpora.prepare import prepare_corpus
from emotion2vec.corpora.space import estimate_bytes, free_bytes, require_space
from emotion2vec.data.manifest import read_manifest
from emotion2vec.errors import CorpusError
from tests.corpora.releases import BUILDERS
from tests.corpora.releases.files import write_aac
from tests.helpers.wav import speech_like, write_wav


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Eight files, one of them in stereo."""
    BUILDERS["urdu"](tmp_path / "root")
    write_wav(tmp_path / "root" / "Sad" / "SM27_F4_S04.wav", seconds=0.1, channels=2)
    return tmp_path / "root"


def _prepare(root: Path, tmp_path: Path) -> None:
    prepare_corpus("urdu", root, tmp_path / "out", audio_out=tmp_path / "audio", num_jobs=1)


def _fail_at(monkeypatch: pytest.MonkeyPatch, call: int, number: int) -> None:
    """Let the n-th write of bytes meet an error of the system."""
    write, calls = Path.write_bytes, []

    def fail(path: Path, content: bytes) -> int:
        calls.append(path)
        if len(calls) == call:
            raise OSError(number, errno.errorcode[number])
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fail)


def test_too_little_room_is_said_before_anything_is_written(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "free_bytes", lambda _: 1000)
    message = (
        r"8 copies need about 33\.0 kB, but the disk of '.*audio' has 1\.0 kB left "
        r"\(0 copies are there already\); make room or give another --audio-out"
    )
    with pytest.raises(CorpusError, match=message):
        _prepare(foreign, tmp_path)
    assert not (tmp_path / "audio").exists()


def test_only_what_is_still_to_be_written_needs_room(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _prepare(foreign, tmp_path)
    monkeypatch.setattr(space, "free_bytes", lambda _: 5000)
    next((tmp_path / "audio").rglob("*.flac")).unlink()
    _prepare(foreign, tmp_path)
    assert len(list((tmp_path / "audio").rglob("*.flac"))) == 8


def test_the_estimate_for_speech_is_near_the_truth(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for index in range(6):
        write_wav(root / "sad" / f"{index}.wav", seconds=3.0, seed=index, sample_rate_hz=48000)
    prepare_corpus("folder", root, tmp_path / "out", audio_out=tmp_path / "audio")
    real = sum(path.stat().st_size for path in (tmp_path / "audio").rglob("*.flac"))
    assert estimate_bytes(18.0, 6, "flac") == pytest.approx(real, rel=0.3)


def test_the_length_of_unopened_videos_is_estimated_from_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av", reason="needs PyAV: pip install emotion2vec[video]")
    for index in range(4):
        write_aac(tmp_path / "root" / "sad" / f"{index}.m4a", seconds=2.0, seed=index)
    needed = []
    monkeypatch.setattr(
        "emotion2vec.corpora.convert.require_space",
        lambda folder, num_bytes, **_: needed.append(num_bytes),
    )
    prepare_corpus("folder", tmp_path / "root", tmp_path / "out", audio_out=tmp_path / "audio")
    assert needed[0] == pytest.approx(estimate_bytes(8.0, 4, "flac"), rel=0.05)


def test_the_room_is_that_of_the_disk_where_the_folder_would_be(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
    require_space(tmp_path / "not" / "yet", 10, num_files=1, num_done=0)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (
            errno.ENOSPC,
            r"no space left on the disk of '.*audio': 4 of 8 copies are there; make room, then give the same command "
            "again: it continues where it stopped",
        ),
        (
            errno.EDQUOT,
            "the disk quota for '.*audio' is used up: 4 of 8 copies are there; make room",
        ),
        (
            errno.EACCES,
            r"cannot write '.*audio' \(EACCES\): 4 of 8 copies are there; give another --audio-out, or mend the",
        ),
        (errno.EROFS, r"cannot write '.*audio' \(EROFS\): 4 of 8 copies are there; give another"),
        (errno.EIO, r"cannot write '.*audio' \(EIO\): 4 of 8 copies are there; mend that, then"),
    ],
)
def test_an_error_of_the_disk_is_one_sentence_and_the_next_run_continues(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    with monkeypatch.context() as patch:
        _fail_at(patch, 5, number)
        with pytest.raises(CorpusError, match=message):
            _prepare(foreign, tmp_path)
    assert not (tmp_path / "out").exists()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "audio").rglob("*.flac")}
    assert len(before) == 4
    _prepare(foreign, tmp_path)
    assert (
        before.items()
        <= {path: path.stat().st_mtime_ns for path in (tmp_path / "audio").rglob("*.flac")}.items()
    )
    assert len(read_manifest(tmp_path / "out" / "all.tsv").utterances) == 8


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_manifest_that_cannot_be_written_is_one_sentence(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "reason", str(tmp_path / "out" / "all.tsv"))

    monkeypatch.setattr("emotion2vec.data.manifest.write_lines", fail)
    expected = {
        errno.ENOSPC: "no space left on the disk of '.*out': the audio is ready, the manifest is not",
        errno.EROFS: r"cannot write '.*out/all\.tsv' \(reason\): the audio is ready, .* give another --out",
    }
    with pytest.raises(CorpusError, match=expected[number]):
        _prepare(foreign, tmp_path)


def test_a_file_where_the_folder_should_be_is_one_sentence(foreign: Path, tmp_path: Path) -> None:
    (tmp_path / "audio").write_text("x")
    with pytest.raises(
        CorpusError, match=r"cannot write '.*audio' \(File exists\): nothing was converted"
    ):
        _prepare(foreign, tmp_path)


_FULL_DISK = """
mkdir audio && mount -t tmpfs -o size=300k tmpfs audio || exit 77
"$0" -c "$1" --root root --out out --audio-out audio --jobs 2
status=$?
ls -A audio/sad | grep -c part
exit $status
"""
_PROGRAM = """
import sys
from emotion2vec.cli.main import main
sys.exit(main(["prepare", "folder", *sys.argv[1:]]))
"""


def test_a_disk_that_is_really_full_ends_the_command_with_one_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "root" / "sad").mkdir(parents=True)
    for index in range(12):  # noise, of which FLAC cannot make less: the estimate is too low
        samples = rng.uniform(-1, 1, 14000)
        soundfile.write(tmp_path / "root" / "sad" / f"{index}.wav", samples.repeat(3), 48000)
    command = ["unshare", "-rm", "sh", "-c", _FULL_DISK, sys.executable, _PROGRAM]
    try:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs the program unshare, to mount a small disk")
    if done.returncode != 1:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    (line,) = done.stderr.splitlines()
    message = (
        r"error: no space left on the disk of '.*audio': \d+ of 12 copies are there; make room"
    )
    assert re.match(message, line)
    assert done.stdout.strip() == "0"  # half-written files


def test_a_real_limit_of_the_system_ends_the_command_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    for seconds in (1, 5):
        samples = speech_like(seconds=seconds, seed=0, sample_rate_hz=48000)
        soundfile.write(tmp_path / "root" / f"{seconds}.wav", samples, 48000)
    folders = [f"--root={tmp_path / 'root'}", f"--out={tmp_path / 'out'}"]
    command = [sys.executable, "-c", _PROGRAM, *folders, f"--audio-out={tmp_path / 'audio'}"]

    limited = ["sh", "-c", 'ulimit -f 98 && exec "$@"', "sh", *command]  # blocks of 512 bytes
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.match(r"error: cannot write '.*' \(File too large\): \d of 2 copies are there", line)
    assert not list((tmp_path / "audio").rglob("*.part.*"))
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert json.loads((tmp_path / "out" / "corpus.json").read_text())["found"]["utterances"] == 2
