"""Opens a file that `torch.save` wrote, of either format: a zip archive (torch >= 1.6) or a row of pickles (before).

In: a path. Out: its contents as `safe_pickle.py` gives them; tensors lie where they are, in the file.
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from emotion2vec.errors import CheckpointError
from emotion2vec.model.safe_pickle import (
    MalformedPickleError,
    UnsafePickleError,
    load_pickle,
    storage_name,
)
from emotion2vec.model.stored_tensor import (
    STORAGE_DTYPES,
    DamagedFileError,
    MappedFile,
    StorageRef,
)

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of the older format
_ADVICE = "use an older checkpoint of the run or download the file again"
_MAX_TEXT_BYTES = 512
# what reading a file that is damaged, or made to look like a checkpoint, raises
_DAMAGES = (
    MalformedPickleError, DamagedFileError, zipfile.BadZipFile, struct.error, EOFError, OSError, RuntimeError,
    ValueError, TypeError, OverflowError,
)  # fmt: skip


def read_torch_file(path: Path) -> Any:
    """Read what `torch.save` wrote, without executing anything and without reading tensors.

    Raises:
        CheckpointError: Missing, damaged, no such file, or with objects that could run code.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such checkpoint; expected a file such as checkpoint_last.pt"
        )
    try:
        with path.open("rb") as stream:
            file = MappedFile(path, path.stat().st_size)
            is_zip = stream.read(4) == b"PK\x03\x04"
            stream.seek(0)
            return _read_zip(stream, file) if is_zip else _read_pickles(stream, file)
    except UnsafePickleError as error:
        raise CheckpointError(
            f"{path}: refused, because it holds an object of {error.name!r}, which could run code; nothing was "
            "executed. Expected tensors, plain types and fairseq's configs only"
        ) from None
    except _DAMAGES as error:
        raise CheckpointError(f"{path}: {_what_it_is(path, error)}") from None


def _what_it_is(path: Path, error: Exception) -> str:
    """Name what lies in the place of a checkpoint: often a page or a pointer that a download left."""
    with path.open("rb") as stream:
        start = stream.read(_MAX_TEXT_BYTES)
    if not start:
        return f"is empty (0 bytes), expected a checkpoint; {_ADVICE}"
    if start.startswith(b"version https://git-lfs"):
        return "is a git-LFS pointer, not the checkpoint itself; run `git lfs pull` or download the file again"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return (
            "is a web page, not a checkpoint: the download failed; open the address in a browser to see why, "
            "then download the file again"
        )
    if _is_text(start):
        return "is a text file, expected a checkpoint that torch.save wrote"
    if start.startswith((b"PK\x03\x04", b"\x80")):
        return f"damaged or cut short ({str(error)[:120]}); {_ADVICE}"
    return (
        "not a checkpoint that can be read safely (it does not start like one); nothing was executed. Expected a "
        "file such as checkpoint_last.pt"
    )


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t" for letter in text)


def _read_zip(stream: IO[bytes], file: MappedFile) -> Any:
    with zipfile.ZipFile(stream) as archive:
        records = {record.filename: record for record in archive.infolist()}
        mains = [name for name in records if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(mains) != 1:
            raise CheckpointError(
                f"{file.path}: is a zip archive without a checkpoint in it, expected a file that torch.save wrote; "
                "unpack it if it is a download"
            )
        prefix = mains[0].removesuffix("data.pkl")
        _check_archive(file.path, records, prefix)
        order = f"{prefix}byteorder"
        _check_byte_order(
            file.path, is_little=order not in records or archive.read(order) == b"little"
        )

        def load_storage(saved: Any) -> StorageRef:
            """Find a storage's record in the archive."""
            dtype_name, key, numel = _storage_id(saved)
            record = records.get(f"{prefix}data/{key}")
            if record is None:
                raise DamagedFileError(f"its record data/{key} is missing")
            start = _data_start(stream, record.header_offset)
            storage = StorageRef(STORAGE_DTYPES[dtype_name], numel, file, start)
            if storage.num_bytes != record.file_size:
                raise DamagedFileError(f"its record data/{key} has another size than stated")
            return storage

        return load_pickle(io.BytesIO(archive.read(mains[0])), load_storage)


def _check_archive(path: Path, records: Mapping[str, zipfile.ZipInfo], prefix: str) -> None:
    if f"{prefix}constants.pkl" in records:
        raise CheckpointError(
            f"{path}: is a TorchScript program, which runs code when it is loaded; nothing was executed. Expected a "
            "checkpoint of weights"
        )
    if any(record.compress_type != zipfile.ZIP_STORED for record in records.values()):
        raise CheckpointError(
            f"{path}: was packed again with compression, expected a file as torch.save wrote it; get the original"
        )


def _check_byte_order(path: Path, *, is_little: bool) -> None:
    if not is_little:
        raise CheckpointError(
            f"{path}: was written on a big-endian machine, expected little-endian numbers; load it with torch.load "
            "there or here, and save it again"
        )


def _data_start(stream: IO[bytes], header_offset: int) -> int:
    """Find the first byte of a record behind its local header."""
    stream.seek(header_offset + 26)
    name_length, extra_length = struct.unpack("<HH", stream.read(4))
    return header_offset + 30 + name_length + extra_length


def _storage_id(saved: Any) -> tuple[str, str, int]:
    """Split a persistent id: name of the storage's class, key, count of numbers."""
    if not isinstance(saved, tuple) or len(saved) < 5 or saved[0] not in ("storage", b"storage"):
        raise MalformedPickleError("a reference that is no storage")
    _, owner, key, _, numel = saved[:5]
    if not isinstance(numel, int) or numel < 0:
        raise MalformedPickleError("a storage of impossible size")
    if not isinstance(key, str):
        raise MalformedPickleError("a storage whose key is no text")
    return storage_name(owner), key, numel


def _read_pickles(stream: IO[bytes], file: MappedFile) -> Any:
    """Read the format of torch < 1.6: magic number, version, machine, contents, keys, then the storages' bytes."""
    if load_pickle(stream) != _LEGACY_MAGIC:
        raise CheckpointError(
            f"{file.path}: is a pickle but not a checkpoint, expected a file that torch.save wrote"
        )
    load_pickle(stream)
    machine = load_pickle(stream)
    is_little = not isinstance(machine, dict) or machine.get("little_endian") is not False
    _check_byte_order(file.path, is_little=is_little)
    storages: dict[str, StorageRef] = {}

    def load_storage(saved: Any) -> StorageRef:
        """Name a storage whose bytes follow the pickles."""
        dtype_name, key, numel = _storage_id(saved)
        root = storages.setdefault(key, StorageRef(STORAGE_DTYPES[dtype_name], numel))
        if len(saved) > 5 and saved[5] is not None:
            raise MalformedPickleError("a view of a storage, as torch before 0.4 wrote it")
        return root

    contents = load_pickle(stream, load_storage)
    for key in load_pickle(stream):
        (numel,) = struct.unpack("<q", stream.read(8))
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None or storage.numel != numel:
            raise DamagedFileError("a storage does not fit the contents")
        storage.file, storage.start = file, stream.tell()
        if storage.start + storage.num_bytes > file.num_bytes:
            raise DamagedFileError("it ends within a storage")
        stream.seek(storage.num_bytes, 1)
    return contents
