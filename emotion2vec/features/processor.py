"""What the processor and the C library can do for an extraction.

In: nothing but this machine. Out: an allocator that keeps memory, and whether bfloat16 is worth while.
"""

import ctypes
from pathlib import Path

# glibc's mallopt: parameters and values
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST_HEAP_BLOCK = 1 << 30
_NEVER = 2**31 - 1
_TOP_PAD = 1 << 26
# flags of /proc/cpuinfo on x86 and Arm
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16", "svebf16"}


def keep_freed_memory() -> bool:
    """Let the C library keep memory that was freed, until this process ends.

    By default glibc hands large tensors back to the system and asks for them again a moment later; clearing those
    pages takes a part of the time of the convolutions.

    Returns:
        Whether the library took all settings (glibc 2.36 does).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = (
        (_M_MMAP_THRESHOLD, _LARGEST_HEAP_BLOCK),
        (_M_TRIM_THRESHOLD, _NEVER),
        (_M_TOP_PAD, _TOP_PAD),
    )
    # each is asked for, even where the library refuses one: some take no threshold so high
    taken = [mallopt(parameter, value) == 1 for parameter, value in settings]
    return all(taken)


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool | None:
    """Tell whether the processor has instructions for bfloat16; None where that cannot be told.

    Args:
        cpuinfo: The system's description of it.
    """
    try:
        lines = cpuinfo.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), None)
    return None if flags is None else not _BFLOAT16_FLAGS.isdisjoint(flags.split())
