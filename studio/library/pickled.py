"""Reads what a pickled model says it holds, without unpickling: its instructions are looked at and never followed.

A pickle is a little program that can call any function of the machine that runs it. Here its steps are followed on
paper: a call is written down as a call, so names and shapes of the tensors come out, and the functions that it would
have called are named. Nothing is imported and nothing runs. Formats: PyTorch's archive (a zip with ``data.pkl``) and
the one before it (pickles one after the other). Sources: Python's ``pickletools``, ``torch/serialization.py``.
"""

from __future__ import annotations

import io
import pickletools
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.library.header import Header, TensorInfo

SUFFIXES = (".ckpt", ".pt", ".pth", ".bin")
_MOST_BYTES = 48_000_000
_MOST_STEPS = 4_000_000
_MOST_DEPTH = 4
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # torch/serialization.py, MAGIC_NUMBER
_DTYPES = {"Half": "F16", "Float": "F32", "BFloat16": "BF16", "Double": "F64", "Long": "I64", "Int": "I32"}
_DTYPES |= {"Byte": "U8", "Char": "I8", "Bool": "BOOL", "Short": "I16"}
_BYTES = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I64": 8, "I32": 4, "I16": 2}

PARAMETERS = "torch.nn.modules.container.ParameterDict"
"""What the first programs kept an embedding in, so that it is named in files of theirs."""

_HARMLESS = (
    "collections.OrderedDict", "torch.Size", "torch.device", "torch.nn.parameter.Parameter", "_codecs.encode",
    "__builtin__.set", "builtins.set", PARAMETERS,
)  # fmt: skip
_HARMLESS_PREFIXES = ("torch._utils._rebuild_", "torch._tensor._rebuild_", "pytorch_lightning.")
_HARMLESS_NUMPY = ("numpy.dtype", "numpy.ndarray", "scalar", "_reconstruct")


@dataclass(frozen=True)
class Pickled:
    """What a pickle says: the tensors of its weights, and the functions it asks for that weights do not need.

    ``problem`` says why it could not be followed.
    """

    header: Header = field(default_factory=Header)
    strange: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class _Name:
    """A function or class that the pickle asks for, by name alone."""

    text: str


@dataclass
class _Made:
    """What a call would have made: who was called, with what."""

    what: Any
    given: Any


class _Unfollowable(Exception):
    """The pickle does what weights never do."""


# What pickletools, zipfile and zlib raise for spoilt bytes, and what following nonsense on a stack runs into.
_SPOILT = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError, RuntimeError, MemoryError,
    struct.error, zlib.error, zipfile.BadZipFile, _Unfollowable,
)  # fmt: skip


def read_pickled(file: Path) -> Pickled:
    """What ``file`` says it holds. Raises nothing: see `Pickled.problem`."""
    strange: dict[str, None] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pickletools warns of odd escapes, which are no news in a spoilt file
            tensors = dict(_tensors(_followed(file, strange)))
    except _SPOILT as error:
        problem = f"Its contents cannot be listed: {error or type(error).__name__}."
        return Pickled(strange=tuple(strange), problem=problem)
    return Pickled(Header(tensors), tuple(strange))


def _followed(file: Path, strange: dict[str, None]) -> Any:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            entry = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
            if entry is None:
                raise _Unfollowable("it is an archive of something else")
            with archive.open(entry) as stream:
                return _follow(io.BytesIO(_bounded(stream.read(_MOST_BYTES + 1))), strange)
    with file.open("rb") as stream:
        content = io.BytesIO(stream.read(_MOST_BYTES))
    if _follow(content, strange) != _LEGACY_MAGIC:
        content.seek(0)
        return _follow(content, strange)
    for _ in range(2):  # the version of the format, and a description of the machine
        _follow(content, strange)
    return _follow(content, strange)


def _bounded(data: bytes) -> bytes:
    if len(data) > _MOST_BYTES:
        raise _Unfollowable("its list of contents is far too long")
    return data


def _follow(stream: io.BytesIO, strange: dict[str, None]) -> Any:
    """The value one pickle would make, with every call written down instead of made."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    for step, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if step > _MOST_STEPS:
            raise _Unfollowable("it has too many steps")
        name = opcode.name
        if name == "MARK":
            marks.append(len(stack))
        elif name == "STOP":
            return stack.pop()
        elif name in ("GLOBAL", "STACK_GLOBAL", "INST"):
            _note_name(name, argument, stack, marks, strange)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[int(argument or 0)] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[int(argument or 0)])
        else:
            _apply(name, argument, stack, marks)
    raise _Unfollowable("it ends too early")


def _note_name(opcode: str, argument: Any, stack: list[Any], marks: list[int], strange: dict[str, None]) -> None:
    if opcode == "STACK_GLOBAL":
        what, module = stack.pop(), stack.pop()
        if not isinstance(what, str) or not isinstance(module, str):
            raise _Unfollowable("it computes the name of a function")
        text = f"{module}.{what}"
    else:
        text = str(argument).replace(" ", ".", 1)
    if not _is_harmless(text) and len(strange) < 8:
        strange[text[:100]] = None
    if opcode == "INST":
        given = _to_mark(stack, marks)
        stack.append(_Made(_Name(text), tuple(given)))
    else:
        stack.append(_Name(text))


def _apply(name: str, argument: Any, stack: list[Any], marks: list[int]) -> None:
    """One step that neither names a function nor remembers anything."""
    if name in ("REDUCE", "NEWOBJ"):
        given, what = stack.pop(), stack.pop()
        stack.append({} if what == _Name("collections.OrderedDict") and not given else _Made(what, given))
    elif name == "NEWOBJ_EX":
        _, given, what = stack.pop(), stack.pop(), stack.pop()
        stack.append(_Made(what, given))
    elif name == "OBJ":
        what, *given = _to_mark(stack, marks)
        stack.append(_Made(what, tuple(given)))
    elif name == "BINPERSID":
        stack.append(_Made(_Name("persistent"), stack.pop()))
    elif name == "BUILD":
        state = stack.pop()
        if stack and isinstance(stack[-1], _Made) and stack[-1].what == _Name(PARAMETERS):
            stack[-1].given = state
    elif name in ("TUPLE", "LIST", "FROZENSET"):
        stack.append(tuple(_to_mark(stack, marks)) if name != "LIST" else list(_to_mark(stack, marks)))
    elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
        count = int(name[-1])
        parts = tuple(stack[-count:])
        del stack[-count:]
        stack.append(parts)
    elif name in ("SETITEM", "SETITEMS", "DICT"):
        _set_items(name, stack, marks)
    elif name in ("APPEND", "APPENDS", "ADDITEMS"):
        parts = (stack.pop(),) if name == "APPEND" else tuple(_to_mark(stack, marks))
        if isinstance(stack[-1], list):
            stack[-1].extend(parts)
    elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_SET", "EMPTY_TUPLE"):
        stack.append({"EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}.get(name, list)())
    elif name == "POP":
        stack.pop()
    elif name == "POP_MARK":
        _to_mark(stack, marks)
    elif name == "DUP":
        stack.append(stack[-1])
    elif name not in ("PROTO", "FRAME"):
        stack.append({"NEWTRUE": True, "NEWFALSE": False, "NONE": None}.get(name, argument))


def _set_items(name: str, stack: list[Any], marks: list[int]) -> None:
    if name == "SETITEM":
        value, key = stack.pop(), stack.pop()
        pairs = [key, value]
    else:
        pairs = _to_mark(stack, marks)
    if name == "DICT":
        stack.append({})
    if isinstance(stack[-1], dict):
        for key, value in zip(pairs[::2], pairs[1::2], strict=False):
            if isinstance(key, (str, int)):
                stack[-1][key] = value


def _to_mark(stack: list[Any], marks: list[int]) -> list[Any]:
    place = marks.pop()
    parts = stack[place:]
    del stack[place:]
    return parts


def _is_harmless(text: str) -> bool:
    last = text.rpartition(".")[2]
    return (
        text in _HARMLESS
        or text.startswith(_HARMLESS_PREFIXES)
        or (text.startswith("torch.") and (last.endswith("Storage") or last in ("float16", "float32", "bfloat16")))
        or (text.startswith("numpy.") and (text in _HARMLESS_NUMPY or last in _HARMLESS_NUMPY))
    )


def _tensors(root: Any) -> Iterator[tuple[str, TensorInfo]]:
    """The tensors of a state by their dotted names, as they would be called after converting."""
    if isinstance(root, dict) and isinstance(root.get("string_to_param"), dict | _Made):  # an embedding of A1111
        inside = _state(root["string_to_param"])
        for value in inside.values():
            info = _tensor(value)
            if info:
                yield "emb_params", info
        return
    yield from _within(_unwrapped(root), "", set())


def _unwrapped(root: Any) -> Any:
    inside = root.get("state_dict") if isinstance(root, dict) else None
    return inside if isinstance(inside, dict) else root


def _state(value: Any) -> Mapping[Any, Any]:
    """A dictionary, also that of a module (``torch.nn.ParameterDict``), which has its tensors in ``_parameters``."""
    if isinstance(value, _Made) and isinstance(value.given, dict):
        value = value.given.get("_parameters")
    return value if isinstance(value, dict) else {}


def _within(value: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, TensorInfo]]:
    """Each dictionary once: a hostile one may hold itself, or another a million times."""
    if id(value) in seen or not isinstance(value, dict) or prefix.count(".") > _MOST_DEPTH:
        return
    seen.add(id(value))
    for key, inside in value.items():
        info = _tensor(inside)
        if info is not None:
            yield f"{prefix}{key}", info
        else:
            yield from _within(inside, f"{prefix}{key}.", seen)


def _tensor(value: Any) -> TensorInfo | None:
    """Type and shape of what ``_rebuild_tensor_v2(storage, offset, size, …)`` would make, or a parameter of one."""
    if not isinstance(value, _Made) or not isinstance(value.what, _Name) or not isinstance(value.given, tuple):
        return None
    called, given = value.what.text, value.given
    if called.startswith("torch._utils._rebuild_parameter") and given and value is not given[0]:
        return _tensor(given[0]) if not _is_parameter(given[0]) else None
    if not called.startswith("torch._utils._rebuild_tensor") or len(given) < 3 or not isinstance(given[2], tuple):
        return None
    shape = tuple(side for side in given[2] if type(side) is int and 0 <= side < 2**40)
    dtype = _DTYPES.get(_storage(given[0]), "F32")
    count = 1
    for side in shape:
        count *= side
    return TensorInfo(dtype, shape, count * _BYTES.get(dtype, 1)) if len(shape) == len(given[2]) <= 8 else None


def _is_parameter(value: Any) -> bool:
    """A parameter of a parameter is nothing that a model has, and could go on for ever."""
    return isinstance(value, _Made) and value.what == _Name("torch._utils._rebuild_parameter")


def _storage(value: Any) -> str:
    """``Half`` of ``("storage", torch.HalfStorage, …)``, as the pickle points to the numbers themselves."""
    given = value.given if isinstance(value, _Made) else ()
    kind = given[1] if isinstance(given, tuple) and len(given) > 1 else None
    return kind.text.rpartition(".")[2].removesuffix("Storage") if isinstance(kind, _Name) else ""
