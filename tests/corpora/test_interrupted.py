"""A preparation that is killed in the middle and started again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from emotion2vec.audio.io import read_audio
from tests.helpers.wav import speech_like, write_wav

_NUM_FILES = 40
# tests that run in the background are started with SIGINT ignored
_PROGRAM = """
import signal, sys
from emotion2vec.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(["prepare", "folder", *sys.argv[1:], "--jobs", "2"]))
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The command for a release of long and short files at 48 kHz."""
    for index in range(_NUM_FILES):
        path = tmp_path / "root" / f"label{index % 3}" / f"{index:02d}.wav"
        write_wav(path, seconds=0.2 + index % 5, seed=index, sample_rate_hz=48000)
    folders = ["--root", "root", "--out", "out", "--audio-out", "audio"]
    return [sys.executable, "-c", _PROGRAM, *folders]


def _run(command: list[str], folder: Path) -> dict[str, bytes]:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}


def _kill_in_the_middle(
    command: list[str], folder: Path, number: int, signal_number: signal.Signals
) -> int:
    """Start the command and send the signal when so many copies are there; returns its exit status."""
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    while len(list((folder / "audio").rglob("[!.]*.flac"))) < number:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal_number)
    return process.wait(timeout=60)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_killed_is_continued_to_the_same_manifest(
    command: list[str], tmp_path: Path, signal_number: signal.Signals
) -> None:
    expected = _run(command, tmp_path)
    shutil.rmtree(tmp_path / "audio")
    shutil.rmtree(tmp_path / "out")
    assert _kill_in_the_middle(command, tmp_path, 7, signal_number) == -signal_number
    time.sleep(1.5)  # until its processes have noticed
    copies = {path: path.stat() for path in (tmp_path / "audio").rglob("[!.]*.flac")}
    assert 7 <= len(copies) < _NUM_FILES
    for path in copies:  # none is cut short
        assert read_audio(path).numel() == soundfile.info(path).frames
    assert not (tmp_path / "out").exists()
    (tmp_path / "audio" / "label0" / ".00.999999999.part.flac").write_bytes(b"half")
    assert _run(command, tmp_path) == expected
    assert all(path.stat().st_mtime_ns == old.st_mtime_ns for path, old in copies.items())
    assert [path for path in tmp_path.rglob("*") if ".part" in path.name] == []


def test_ctrl_c_ends_with_one_line_and_no_process_is_left(
    command: list[str], tmp_path: Path
) -> None:
    for index in range(_NUM_FILES):
        samples = speech_like(seconds=20, seed=index, sample_rate_hz=48000)
        soundfile.write(tmp_path / "root" / f"{index:02d}.wav", samples, 48000)
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list((tmp_path / "audio").rglob("[!.]*.flac")):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines() == ["error: interrupted"]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
