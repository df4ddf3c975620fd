"""Pickles are read as data: the same as Python reads them where they are plain, and nothing in them ever runs."""

import argparse
import collections
import io
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emotion2vec.errors import CheckpointError
from emotion2vec.model.safe_pickle import (
    MalformedPickleError,
    StandIn,
    UnsafePickleError,
    load_pickle,
)

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def load(data: bytes) -> Any:
    return load_pickle(io.BytesIO(data))


def refusal(data: bytes) -> CheckpointError | None:
    """Return our error, None where there is none; any other passes through."""
    try:
        load(data)
    except CheckpointError as error:
        return error
    return None


@given(PLAIN, st.integers(0, 5))
def test_plain_data_of_every_protocol_is_what_python_reads(data: Any, protocol: int) -> None:
    assert load(pickle.dumps(data, protocol=protocol)) == data


@pytest.mark.parametrize("protocol", range(6))
def test_sets_large_numbers_and_shared_objects_are_what_python_reads(protocol: int) -> None:
    shared = [1, 2]
    data = [{1, "a"}, frozenset({3}), 2**200, -(2**70), bytearray(b"ab"), 1e300, shared, shared, {}]
    found = load(pickle.dumps(data, protocol=protocol))
    assert found == data
    assert found[6] is found[7]


@pytest.mark.parametrize("protocol", range(6))
def test_a_namespace_is_read_as_its_attributes(protocol: int) -> None:
    found = load(pickle.dumps(argparse.Namespace(a=1, b=[2]), protocol=protocol))
    assert isinstance(found, StandIn)
    assert (found.name, found.state) == ("argparse.Namespace", {"a": 1, "b": [2]})


class _Call:
    """Pickles as a call of whatever it is given."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> Any:
        return self.reduced


class _Subclass(argparse.Namespace):
    """A Namespace whose state runs code when it is set."""

    def __setstate__(self, state: dict[str, str]) -> None:
        os.system(state["command"])


def _canary(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "executed"
    return path, f"touch {path}"


def _calls(command: str) -> dict[str, Any]:
    evil = _Call(os.system, command)
    subclass = _Subclass(command=command)
    return {
        "posix.system": evil,
        "builtins.eval": _Call(eval, f"__import__('os').system({command!r})"),
        "builtins.exec": _Call(exec, f"import os; os.system({command!r})"),
        "builtins.__import__": _Call(__import__, "antigravity"),
        "io.open": [1, {"a": (_Call(open, command.split()[1], "w"),)}],
        "torch.serialization.load": _Call(torch.load, command),
        "torch.hub.load": _Call(torch.hub.load, "somebody/model", "entry"),
        "operator.attrgetter": _Call(__import__("operator").attrgetter, "system"),
        "tests.model.test_safe_pickle._Subclass": subclass,
        "in the state of an allowed object": _Call(argparse.Namespace, state={"a": evil}),
        "in the arguments of an allowed call": _Call(collections.OrderedDict, [("a", evil)]),
        "as the key of a dict": {(1, evil): 2},
    }


NAMED = list(_calls("touch it"))


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("name", NAMED)
def test_a_call_is_refused_by_name_and_does_not_happen(
    name: str, protocol: int, tmp_path: Path
) -> None:
    canary, command = _canary(tmp_path)
    data = pickle.dumps(_calls(command)[name], protocol=protocol)
    with pytest.raises(UnsafePickleError) as caught:
        load(data)
    expected = name if " " not in name else "posix.system"
    assert caught.value.name.replace("__builtin__", "builtins") == expected
    assert not canary.exists()


HAND_WRITTEN = {
    # what an allowed name holds is no way out of the list
    "collections.OrderedDict.__init__": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
    "torch._utils._rebuild_tensor_v2.__globals__": b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n.",
    "torch._utils.torch.load": b"ctorch\n_utils.torch.load\n.",
    "argparse.Namespace.__class__": b"cargparse\nNamespace.__class__\n.",
    "argparse._sys.modules": b"cargparse\n_sys.modules\n.",
    "omegaconf.OmegaConf.load": b"comegaconf\nOmegaConf.load\n.",
    "fairseq.checkpoint_utils.load_checkpoint_to_cpu": b"cfairseq.checkpoint_utils\nload_checkpoint_to_cpu\n.",
    "numpy.testing._private.utils.runstring": b"cnumpy.testing._private.utils\nrunstring\n.",
    # getattr is for members of enums only
    "builtins.getattr": b"cbuiltins\ngetattr\n(ctorch\nSize\nX\x07\x00\x00\x00__mro__tR.",
    # the result of a call, or a stand-in, is not called
    "a call of a StandIn": b"cbuiltins\ngetattr\n(cany.where\nModality\nX\x05\x00\x00\x00AUDIOtR(X\x01\x00\x00\x00xtR.",
    "a call of a dict": b"}(tR.",
    # attributes of functions and classes are not set
    "torch._utils._rebuild_tensor_v2": b"ctorch._utils\n_rebuild_tensor_v2\n}X\x08\x00\x00\x00__code__K\x01sb.",
    "argparse.Namespace": b"cargparse\nNamespace\n(N}X\x0c\x00\x00\x00__setstate__K\x01stb.",
    # types are values, not constructors
    "builtins.int": b"cbuiltins\nint\n(X\x01\x00\x00\x001tR.",
    # the older ways to make objects
    "os.popen": b"(cos\npopen\nX\x04\x00\x00\x00trueo.",
    "copyreg._reconstructor": b"ccopyreg\n_reconstructor\n(ccollections\nOrderedDict\ncbuiltins\nobject\nNtR.",
}


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_ways_around_the_list_are_refused_by_name(name: str) -> None:
    with pytest.raises(UnsafePickleError) as caught:
        load(HAND_WRITTEN[name])
    assert caught.value.name == name


def test_modules_of_stand_ins_are_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "imported"
    source = f"from pathlib import Path\nPath({str(canary)!r}).touch()\nclass Modality: ...\n"
    (tmp_path / "trap_module.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = load(b"ctrap_module\nModality\n(K\x01tR.")
    assert (found.name, found.args) == ("trap_module.Modality", (1,))
    assert "trap_module" not in sys.modules
    assert not canary.exists()


def test_a_pickle_leaves_torchs_own_functions_as_they_were() -> None:
    before = dict(vars(torch._utils._rebuild_tensor_v2))
    with pytest.raises(UnsafePickleError):
        load(HAND_WRITTEN["torch._utils._rebuild_tensor_v2"])
    assert vars(torch._utils._rebuild_tensor_v2) == before


@pytest.mark.parametrize(
    "data",
    [b"", b".", b"]", b"\x80\x02}q\x00(", b"a.", b"]a.", b"K\x01a.", b"N]s.", b"t.", b"g5\n.", b"\x82\x01.", b"Qx.",
     b"X\xff\xff\xff\x7fabc.", b"}(K\x01u.", b"}(]K\x01u.", b"K\x01Q.", b"ccollections\nOrderedDict\nK\x01R.",
     b"(X\x04\x00\x00\x00trueios\nsystem\n.", b"K\x01K\x02\x93."],
)  # fmt: skip
def test_what_is_no_pickle_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedPickleError):
        load(data)


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


DOUBLED = (
    b")" + b"2\x86" * 70
)  # a tuple of itself twice, 70 levels deep: 2^70 items to hash or print
MANY = b"(" + b"K\x01" * 2000 + b"lq\x01"
ENTRIES = b"}(" + b"".join(b"M" + struct.pack("<H", i) + b"N" for i in range(2000)) + b"uq\x01"
# each of a few kilobytes, which would take hours, all memory or the whole process
BOMBS = {
    "hash of a key": b"}" + DOUBLED + b"K\x01s.",
    "hash of a key deep down": b"})" + b"\x85" * 300_000 + b"K\x01s.",
    "hash of a member of a frozenset": b"(" + DOUBLED + b"\x91.",
    "hash of an entry of an OrderedDict": b"ccollections\nOrderedDict\n(]" + DOUBLED + b"K\x01\x86aatR.",
    "numbers of one hash": b"}\x8a\x10" + (7 * (2**61 - 1)).to_bytes(16, "little") + b"Ns.",
    "text of a name": DOUBLED + _text("x") + b"\x93.",
    "copies of a list": b"cbuiltins\nlist\n" + MANY + b"\x85q\x020" + b"(" + b"cbuiltins\nset\nh\x02R" * 3000 + b"l.",
    "copies of a dict": ENTRIES + b"(" + b"cargparse\nNamespace\n)\x81h\x01b" * 3000 + b"l.",
    "copies of a text": b"(" + _text("x" * 65_000) + b"q\x01" + b"c_codecs\nencode\nh\x01\x85R" * 3000 + b"l.",
    "many operations": b"(" + b"]" * 2_000_001 + b"l.",
}  # fmt: skip


def test_what_would_cost_hours_or_all_memory_is_malformed() -> None:
    # in a process of its own: what goes wrong here cannot be interrupted, or ends the process
    program = (
        "import io, pickle, resource, sys\n"
        "from emotion2vec.model.safe_pickle import MalformedPickleError, load_pickle\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (40, 40))\n"
        "for name, data in pickle.load(sys.stdin.buffer).items():\n"
        "    try:\n"
        "        load_pickle(io.BytesIO(data))\n"
        "    except MalformedPickleError:\n"
        "        print(name, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(BOMBS), capture_output=True, check=False
    )
    assert done.stdout.decode().splitlines() == list(BOMBS), done.stderr


def test_keys_of_every_kind_that_checkpoints_have_are_read() -> None:
    data: dict[Any, Any] = {0: 1, "a": 2, 1.5: 3, None: 4, b"b": 5, (1, "c"): 6, True: 7}
    assert load(pickle.dumps(data, protocol=2)) == data


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 5))
def test_a_damaged_pickle_raises_nothing_but_our_errors(
    noise: bytes, place: int, protocol: int
) -> None:
    whole = pickle.dumps({"a": [1, (2.5, "x")], "b": argparse.Namespace(c={3})}, protocol=protocol)
    place %= len(whole)
    damaged = whole[:place] + noise + whole[place + len(noise) :]
    error = refusal(damaged)
    assert error is None or str(error)
    assert error is None or damaged != whole
