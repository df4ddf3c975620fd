"""What is asked of the processor and the C library."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from emotion2vec.features import upstreams
from emotion2vec.features.processor import has_bfloat16
from emotion2vec.features.upstreams import load_upstream
from tests.helpers.checkpoints import write_checkpoint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 fma\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("flags\t\t: fpu avx2 fma\n", False),
        ("model name: unknown\n", None),
    ],
)
def test_bfloat16_is_read_from_the_processors_flags(
    tmp_path: Path, text: str, expected: bool | None
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert has_bfloat16(tmp_path / "cpuinfo") is expected
    assert has_bfloat16(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("dtype", "found", "warns"),
    [("bfloat16", False, True), ("bfloat16", True, False), ("bfloat16", None, False),
     ("float32", False, False)],
)  # fmt: skip
def test_bfloat16_is_warned_of_where_it_is_slow(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    dtype: str,
    found: bool | None,
    warns: bool,
) -> None:
    monkeypatch.setattr(upstreams, "has_bfloat16", lambda: found)
    with caplog.at_level(logging.WARNING):
        load_upstream(write_checkpoint(tmp_path / "a.pt"), device="cpu", dtype=dtype)
    assert ("no instructions for bfloat16: float32 is faster" in caplog.text) is warns


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_memory_that_was_freed_is_kept() -> None:
    program = (
        "import resource, torch\n"
        "from emotion2vec.features.processor import keep_freed_memory\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(10): torch.ones(25_000_000)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "default = faults()\n"
        "print(keep_freed_memory())\n"
        "faults()\n"
        "print(faults() * 5 < default)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() in (["True", "True"], ["False", "False"]), done.stderr
