"""Files of torch.save, of both formats, are read like torch reads them; what is none is named in one sentence."""

import os
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from emotion2vec.errors import CheckpointError
from emotion2vec.model.plain import to_plain
from emotion2vec.model.safe_pickle import StandIn
from emotion2vec.model.stored_tensor import DamagedFileError, StoredTensor, load_tensors
from emotion2vec.model.torch_file import read_torch_file

FORMATS = [pytest.param(True, id="zip"), pytest.param(False, id="pickles")]
DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]  # fmt: skip


def tensors_of_all_sorts() -> "OrderedDict[str, Any]":
    torch.manual_seed(0)
    base = torch.randn(3, 4, 5)
    sorts: Any = {
        "whole": base,
        "turned": base.permute(2, 0, 1),
        "cut": base[1:, ::2, 2],
        "spread": base[0, :1].expand(6, 5),
        "number": torch.tensor(3.5),
        "empty": torch.empty(0, 3),
        "parameter": nn.Parameter(base[0]),
        **{name: torch.arange(7).to(getattr(torch, name)) for name in DTYPES},
    }
    return OrderedDict(sorts)


def save(path: Path, contents: Any, *, new_format: bool = True) -> Path:
    torch.save(contents, path, _use_new_zipfile_serialization=new_format)
    return path


@pytest.mark.parametrize("new_format", FORMATS)
def test_tensors_are_those_that_torch_reads(new_format: bool, tmp_path: Path) -> None:
    path = save(tmp_path / "t.pt", tensors_of_all_sorts(), new_format=new_format)
    found, expected = read_torch_file(path), torch.load(path, weights_only=True)
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        loaded = found[name].load()
        assert loaded.dtype == tensor.dtype, name
        assert loaded.shape == tensor.shape, name
        assert torch.equal(loaded, tensor), name


@pytest.mark.parametrize("new_format", FORMATS)
def test_reading_does_not_change_the_file(new_format: bool, tmp_path: Path) -> None:
    path = save(tmp_path / "t.pt", {"w": torch.ones(1000)}, new_format=new_format)
    before = path.read_bytes()
    read_torch_file(path)["w"].load().zero_()
    assert path.read_bytes() == before


@pytest.mark.parametrize("new_format", FORMATS)
def test_state_dicts_with_their_metadata_are_read(new_format: bool, tmp_path: Path) -> None:
    module = nn.Linear(2, 3)
    path = save(tmp_path / "t.pt", {"model": module.state_dict()}, new_format=new_format)
    found = read_torch_file(path)["model"]
    assert torch.equal(found["weight"].load(), module.weight)


def _cut(share: float) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return harm


def _write(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


def _zip_of_pictures(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"no picture")


def _pack_again(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in records.items():
            archive.writestr(name, data)


def _lose_record(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in records.items():
            if not name.endswith("data/0"):
                archive.writestr(name, data)


def _script(path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)


DAMAGES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("half", _cut(0.5), r"damaged or cut short \(.*\); use an older checkpoint"),
    ("nearly whole", _cut(0.99), r"damaged or cut short \(.*\); use an older checkpoint"),
    ("nothing", _write(b""), r"is empty \(0 bytes\), expected a checkpoint"),
    ("git-LFS", _write(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
     r"is a git-LFS pointer, not the checkpoint itself; run `git lfs pull`"),
    ("page", _write(b"\n<!DOCTYPE html>\n<html><body>404</body></html>"),
     r"is a web page, not a checkpoint: the download failed"),
    ("xml", _write(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"), r"is a web page"),
    ("text", _write("Größe: 3\n".encode()), r"is a text file, expected a checkpoint"),
    ("noise", _write(bytes(range(255, 100, -1))), r"not a checkpoint that can be read safely"),
    ("plain pickle", _write(pickle.dumps({"w": 1}, protocol=2)), r"is a pickle but not a checkpoint"),
    ("other zip", _zip_of_pictures, r"is a zip archive without a checkpoint in it"),
    ("packed again", _pack_again, r"was packed again with compression"),
    ("record lost", _lose_record, r"damaged or cut short \(its record data/0 is missing\)"),
    ("TorchScript", _script, r"is a TorchScript program, which runs code when it is loaded; nothing was executed"),
    ("gone", Path.unlink, r"no such checkpoint"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "harm", "words"), DAMAGES, ids=[name for name, *_ in DAMAGES])
def test_what_is_no_checkpoint_is_named_in_one_sentence(
    name: str, harm: Callable[[Path], Any], words: str, tmp_path: Path
) -> None:
    path = save(tmp_path / "f.pt", {"w": torch.zeros(500), "v": torch.ones(3)})
    harm(path)
    with pytest.raises(CheckpointError, match=rf"^{re.escape(str(path))}: {words}[^\n]*$"):
        read_torch_file(path)


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.99])
def test_the_older_format_cut_short_is_damaged(share: float, tmp_path: Path) -> None:
    path = save(tmp_path / "f.pt", {"w": torch.zeros(500)}, new_format=False)
    _cut(share)(path)
    with pytest.raises(CheckpointError, match=r"f\.pt: damaged or cut short \(.+\); use an older"):
        read_torch_file(path)


class _Evil:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("new_format", FORMATS)
def test_code_in_a_whole_file_is_refused_and_not_executed(new_format: bool, tmp_path: Path) -> None:
    canary = tmp_path / "executed"
    contents = {"model": {"w": torch.zeros(2)}, "extra_state": [_Evil(f"touch {canary}")]}
    path = save(tmp_path / "f.pt", contents, new_format=new_format)
    with pytest.raises(
        CheckpointError, match=r"refused, because it holds an object of 'posix.system'"
    ):
        read_torch_file(path)
    assert not canary.exists()


def test_a_module_saved_whole_is_refused_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "f.pt", nn.Linear(2, 2))
    with pytest.raises(CheckpointError, match=r"object of 'torch\.nn\.modules\.linear\.Linear'"):
        read_torch_file(path)


class _Storage:
    """Writes a tensor of its own making: a call of torch's function with any numbers."""

    def __init__(self, *numbers: Any) -> None:
        self.numbers = numbers

    def __reduce__(self) -> Any:
        storage = torch.zeros(4).storage()
        return torch._utils._rebuild_tensor_v2, (storage, *self.numbers, False, OrderedDict())


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0, (5,), (1,)), "reaches beyond its storage"),
        ((2, (3,), (1,)), "reaches beyond its storage"),
        ((0, (2, 2), (3, 1)), "reaches beyond its storage"),
        ((-1, (2,), (1,)), "impossible shape"),
        ((0, (2,), (-1,)), "impossible shape"),
        ((0, (2, 2), (1,)), "impossible shape"),
        ((0, (2.0,), (1,)), "impossible shape"),
        ((0, ("a",), (1,)), "impossible shape"),
        ((0, (1,), (10**30,)), "impossible shape"),
        ((0, (0, 10**30), (1, 1)), "impossible shape"),
        ((0, (2**40, 2**40), (0, 0)), "impossible shape"),
        ((0, (1,) * 100, (1,) * 100), "impossible shape"),
    ],
)
def test_a_tensor_that_leaves_its_storage_is_refused(
    numbers: tuple[Any, ...], words: str, tmp_path: Path
) -> None:
    path = save(tmp_path / "f.pt", {"w": _Storage(*numbers)})
    with pytest.raises(CheckpointError, match=words):
        read_torch_file(path)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("new_format", FORMATS)
def test_a_small_file_of_large_tensors_is_refused_before_they_are_made(
    new_format: bool, tmp_path: Path
) -> None:
    contents = {"w": _Storage(0, (10**6, 10**6), (0, 0))}
    path = save(tmp_path / "f.pt", contents, new_format=new_format)
    with pytest.raises(DamagedFileError, match="its tensors are many times larger than the file"):
        load_tensors(read_torch_file(path))


@pytest.mark.parametrize("new_format", FORMATS)
def test_numbers_of_a_big_endian_machine_are_refused(
    new_format: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("sys.byteorder", "big")
        path = save(tmp_path / "f.pt", {"w": torch.ones(3)}, new_format=new_format)
    with pytest.raises(CheckpointError, match=r"f\.pt: was written on a big-endian machine"):
        read_torch_file(path)


def test_the_value_of_an_enum_may_be_anything() -> None:
    members = [StandIn("a.Modality", args) for args in ((1,), ([2],), ("TEXT",))]
    assert to_plain(members) == ["AUDIO", [2], "TEXT"]


def test_objects_that_contain_themselves_are_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(CheckpointError, match="contain themselves, are nested too deeply"):
        to_plain({"a": loop})


def test_objects_shared_until_they_double_at_every_level_are_refused() -> None:
    item: Any = [1]
    for _ in range(60):
        item = [item, item]
    with pytest.raises(CheckpointError, match="or are too many"):
        to_plain(item)


def test_a_number_that_python_would_not_print_is_refused() -> None:
    with pytest.raises(CheckpointError, match="too many digits"):
        to_plain({"num_heads": 2**100_000})


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    place=st.integers(0, 10**6), noise=st.binary(min_size=1, max_size=8), new_format=st.booleans()
)
def test_a_damaged_file_raises_nothing_but_our_errors(
    place: int, noise: bytes, new_format: bool, tmp_path: Path
) -> None:
    contents = {
        "model": {"w": torch.ones(4, 5), "v": torch.zeros(3).half()},
        "cfg": {"a": [1, "b"]},
    }
    path = save(tmp_path / "f.pt", contents, new_format=new_format)
    data = path.read_bytes()
    place %= len(data)
    damaged = data[:place] + noise + data[place + len(noise) :]
    path.write_bytes(damaged)
    error = refusal(path)
    assert error is None or str(error)
    assert error is None or damaged != data


def refusal(path: Path) -> CheckpointError | None:
    """Read everything in a file; return our error, None where there is none; any other passes through."""
    try:
        state = to_plain(read_torch_file(path))
        if isinstance(state, dict) and "model" in state:
            for value in state["model"].values():
                if isinstance(value, StoredTensor):
                    value.load()
    except CheckpointError as error:
        return error
    return None
