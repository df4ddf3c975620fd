"""Reads pickles as data: an interpreter of its own, which imports nothing and calls nothing that a file names.

In: a stream of pickle opcodes. Out: plain Python objects; tensors as `StoredTensor` (their bytes stay in the file),
objects of other programs as inert `StandIn`. A name outside the lists below is refused, wherever it stands.

The standard unpickler with a restricted `find_class` would not do: its BUILD sets attributes on whatever it is
given, allowed functions and classes included, and `torch.load` hands archives of TorchScript to another loader.

A small file may also be made to cost hours or all memory: one list copied a million times over, tuples of tuples
that double at every level when they are hashed. Hence the limit on work, and keys that are flat.
"""

import pickletools
import re
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass, field
from typing import IO, Any

from emotion2vec.errors import CheckpointError
from emotion2vec.model.stored_tensor import STORAGE_DTYPES, StorageRef, StoredTensor

# operations, and items copied by one; a base model's checkpoint, optimizer state included, needs 0.05 million
_MAX_WORK = 2_000_000
_LETTERS_OF_AN_ITEM = 16
_MAX_KEY_PARTS = 8
_MAX_KEY_BITS = 60  # larger numbers can be made to collide in a hash table
_MAX_NAME = 200


class UnsafePickleError(CheckpointError):
    """A pickle names something that is not on the lists.

    Attributes:
        name: Module and name of it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


class MalformedPickleError(CheckpointError):
    """Not a pickle, cut short, or with operations that no writer of checkpoints makes."""


@dataclass(frozen=True)
class Name:
    """A class, function or dtype that a pickle names; never looked up."""

    full: str


@dataclass(eq=False, repr=False)
class StandIn:
    """An object of another program: its class by name, arguments and state as data.

    Attributes:
        name: Module and name of its class.
        args: What its constructor was given.
        state: Its attributes.
    """

    name: str
    args: tuple[Any, ...] = ()
    state: dict[str, Any] = field(default_factory=dict)


# Classes whose objects may stand in a checkpoint: configs, and enums whose module depends on where the writer kept it
_STAND_INS = re.compile(
    r"argparse\.Namespace"
    r"|omegaconf\.(base|dictconfig|listconfig|nodes)\.[A-Z]\w*"
    r"|fairseq\.dataclass\.\w+\.[A-Z]\w*|fairseq\.data\.dictionary\.Dictionary"
    r"|fairseq\.(logging\.)?meters\.[A-Z]\w*Meter"  # in the extra_state of fairseq 0.9 and before: wav2vec, vq-wav2vec
    r"|([A-Za-z]\w*\.)+(Modality|[A-Z]\w*Config)"
    r"|numpy\.(core|_core)\.multiarray\.(scalar|_reconstruct)|numpy\.(dtype|ndarray)"
    r"|pathlib\.(Pure)?(Posix|Windows)?Path"
)
# Names that may stand there as values, never called
_VALUES = re.compile(
    r"(builtins|__builtin__)\.(object|int|long|float|bool|str|unicode|bytes|complex|NoneType)"
    r"|typing\.[A-Z]\w*"
    r"|torch\.(float16|float32|float64|bfloat16|int8|int16|int32|int64|uint8|bool|strided)"
    r"|torch\.(storage\.|cuda\.)?\w*Storage"
)


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: Any) -> StoredTensor:
    if not isinstance(storage, StorageRef):
        raise MalformedPickleError("a tensor without storage")
    return StoredTensor(storage, offset, tuple(size), tuple(stride))


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _empty(*_: Any) -> dict[Any, Any]:
    return {}


def _annotation(*_: Any) -> str:
    # `List[int]` and the like in OmegaConf's metadata; devices
    return "annotation"


def _keys(items: Iterable[Any]) -> list[Any]:
    """Return the items if each can be a key or a member of a set: flat, so that its hash costs next to nothing."""
    keys = list(items)
    for key in keys:
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) > _MAX_KEY_PARTS or not all(map(_is_flat, parts)):
            raise MalformedPickleError(
                f"a key or member of a set is a {type(key).__name__} unlike any checkpoint's"
            )
    return keys


def _is_flat(part: Any) -> bool:
    if isinstance(part, int):
        return part.bit_length() <= _MAX_KEY_BITS
    return part is None or isinstance(part, str | float | bytes | StandIn | Name)


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(_keys(items[::2]), items[1::2], strict=True))


def _dict(items: Any = ()) -> dict[Any, Any]:
    if isinstance(items, dict):
        return dict(items)
    return dict(_pairs([part for key, value in items for part in (key, value)]))


def _set(items: Any = ()) -> set[Any]:
    return set(_keys(items))


def _frozenset(items: Any = ()) -> frozenset[Any]:
    return frozenset(_keys(items))


def _bytes(data: Any = b"", *_: Any) -> bytes:
    # protocols below 3 write bytes as text in latin-1
    return data.encode("latin-1") if isinstance(data, str) else b"".join([data])


def _bytearray(*data: Any) -> bytearray:
    return bytearray(_bytes(*data))


def _member(owner: Any, name: Any) -> StandIn:
    # how Python 3.11.0 to 3.11.3 writes a member of an enum
    if not isinstance(owner, Name) or not _STAND_INS.fullmatch(owner.full):
        raise UnsafePickleError("builtins.getattr")
    return StandIn(owner.full, (name,))


def _reconstructed(owner: Any, *_: Any) -> StandIn:
    if not isinstance(owner, Name) or not _STAND_INS.fullmatch(owner.full):
        raise UnsafePickleError("copyreg._reconstructor")
    return StandIn(owner.full)


# What a pickle may "call", and what happens instead
_BUILTINS: Mapping[str, Callable[..., Any]] = {
    "dict": _dict, "list": list, "tuple": tuple, "set": _set, "frozenset": _frozenset, "bytes": _bytes,
    "bytearray": _bytearray, "getattr": _member,
}  # fmt: skip
_CALLS: Mapping[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.Size": tuple,
    "torch.device": _annotation,
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _empty,
    "_codecs.encode": _bytes,
    "_operator.getitem": _annotation,
    "types.GenericAlias": _annotation,
    **{
        f"{module}.{name}": made
        for module in ("builtins", "__builtin__")
        for name, made in _BUILTINS.items()
    },
    **{f"{module}._reconstructor": _reconstructed for module in ("copyreg", "copy_reg")},
}
_LITERALS = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
})  # fmt: skip
_FRESH: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple, "EMPTY_SET": set,
}  # fmt: skip
_FROM_MARK: Mapping[str, Callable[[list[Any]], Any]] = {
    "LIST": list, "TUPLE": tuple, "FROZENSET": _frozenset, "DICT": lambda items: dict(_pairs(items)),
}  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_SKIPPED = ("PROTO", "FRAME", "STOP")


def load_pickle(stream: IO[bytes], load_storage: Callable[[Any], StorageRef] | None = None) -> Any:
    """Read one pickle from a stream, which then stands behind it.

    Args:
        stream: Where the pickle begins.
        load_storage: Turns a persistent id into a storage; without it, there must be none.

    Raises:
        UnsafePickleError: The pickle names something that is not on the lists.
        MalformedPickleError: The stream is no pickle, cut short, or made to cost more than any checkpoint does.
    """
    machine = _Machine(load_storage)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            machine.run(opcode.name, argument)
        return machine.stack.pop()
    except CheckpointError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise MalformedPickleError(str(error) or type(error).__name__) from None
    except (MemoryError, RecursionError) as error:
        raise MalformedPickleError(type(error).__name__) from None


def storage_name(owner: Any) -> str:
    """Return the class of a storage, `FloatStorage` and the like, as a pickle names it.

    Raises:
        MalformedPickleError: It is no storage class known here.
    """
    name = owner.full.rpartition(".")[2] if isinstance(owner, Name) else ""
    if name not in STORAGE_DTYPES:
        raise MalformedPickleError(f"{name or type(owner).__name__} is no storage class")
    return name


class _Machine:
    """The pickle machine: a stack, marks on it, and a memo."""

    def __init__(self, load_storage: Callable[[Any], StorageRef] | None) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.work = 0
        self.load_storage = load_storage

    def run(self, name: str, argument: Any) -> None:
        """Carry out one operation."""
        self._spend(1)
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _FRESH:
            self.stack.append(_FRESH[name]())
        elif name in _PUTS:
            self.memo[int(argument)] = self.stack[-1]
        elif name in _GETS:
            self.stack.append(self.memo[int(argument)])
        elif name in _FROM_MARK:
            self.stack.append(_FROM_MARK[name](self._pop_mark()))
        elif name in _TUPLES:
            self.stack.append(tuple(self._pop(_TUPLES[name])))
        elif name not in _SKIPPED:
            self._run_rare(name, argument)

    def _run_rare(self, name: str, argument: Any) -> None:
        method = getattr(self, f"_op_{name.lower()}", None)
        if method is None:
            raise MalformedPickleError(f"operation {name}")
        if name == "GLOBAL":
            method(argument)
        else:
            method()

    def _spend(self, work: int) -> None:
        self.work += work
        if self.work > _MAX_WORK:
            raise MalformedPickleError("it asks for more work than any checkpoint does")

    def _copy(self, *parts: Any) -> None:
        """Count what is about to be copied."""
        for part in parts:
            if isinstance(part, str | bytes):
                self._spend(len(part) // _LETTERS_OF_AN_ITEM)
            elif isinstance(part, Sized):
                self._spend(len(part))

    def _pop(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise MalformedPickleError("stack is empty")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def _pop_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _op_mark(self) -> None:
        self.marks.append(len(self.stack))

    def _op_pop(self) -> None:
        self.stack.pop()

    def _op_pop_mark(self) -> None:
        self._pop_mark()

    def _op_dup(self) -> None:
        self.stack.append(self.stack[-1])

    def _op_memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _op_append(self) -> None:
        self._extend(self._pop(1))

    def _op_appends(self) -> None:
        self._extend(self._pop_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise MalformedPickleError(f"items for a {type(target).__name__}")
        target.extend(items)

    def _op_additems(self) -> None:
        items, target = self._pop_mark(), self.stack[-1]
        if not isinstance(target, set):
            raise MalformedPickleError(f"members for a {type(target).__name__}")
        target.update(_keys(items))

    def _op_setitem(self) -> None:
        self._update(self._pop(2))

    def _op_setitems(self) -> None:
        self._update(self._pop_mark())

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise MalformedPickleError(f"entries for a {type(target).__name__}")
        target.update(_pairs(items))

    def _op_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._push_name(f"{module}.{name}")

    def _op_stack_global(self) -> None:
        module, name = self._pop(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise MalformedPickleError("a name that is no text")
        self._push_name(f"{module}.{name}")

    def _push_name(self, full: str) -> None:
        if full not in _CALLS and not _STAND_INS.fullmatch(full) and not _VALUES.fullmatch(full):
            raise UnsafePickleError(full[:_MAX_NAME])
        self.stack.append(Name(full))

    def _op_reduce(self) -> None:
        owner, args = self._pop(2)
        if not isinstance(args, tuple):
            raise MalformedPickleError(f"arguments in a {type(args).__name__}")
        self._copy(args, *args)
        self.stack.append(_call(owner, args))

    _op_newobj = _op_reduce

    def _op_build(self) -> None:
        target, state = self._pop(2)
        self.stack.append(target)
        if isinstance(target, StandIn):
            parts = state if isinstance(state, tuple) else (state,)
            self._copy(parts, *parts)
            for part in parts:
                target.state.update(part if isinstance(part, dict) else {})
        elif not isinstance(target, dict | StoredTensor):  # their attributes are not read
            named = target.full if isinstance(target, Name) else type(target).__name__
            raise UnsafePickleError(named)

    def _op_binpersid(self) -> None:
        if self.load_storage is None:
            raise MalformedPickleError("a storage outside a checkpoint")
        self.stack.append(self.load_storage(self.stack.pop()))


def _call(owner: Any, args: tuple[Any, ...]) -> Any:
    if not isinstance(owner, Name):
        raise UnsafePickleError(f"a call of a {type(owner).__name__}")
    if owner.full in _CALLS:
        return _CALLS[owner.full](*args)
    if _STAND_INS.fullmatch(owner.full):
        return StandIn(owner.full, args)
    raise UnsafePickleError(owner.full)
