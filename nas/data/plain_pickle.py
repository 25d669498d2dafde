"""Reads the pickles that CIFAR is published in without unpickling anything.

A pickle is a program for a stack machine. `read_plain_pickle` runs the few instructions that build
dictionaries, lists, tuples, strings, numbers and 8-bit numpy arrays, over the instruction list of the
standard library's disassembler (`pickletools.genops`, which runs nothing); every other instruction, and every
other global, is an error. No class is looked up, no function is called, so that there is nothing a hostile
file could call.
"""

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import DataError

MAX_INSTRUCTIONS: Final = 2_000_000
"""The largest published batch has about 300,000."""

_MAX_DIMENSIONS: Final = 8
_MAX_LENGTH: Final = 2**40

_RECONSTRUCT: Final = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
_NDARRAY: Final = "numpy ndarray"
_DTYPE: Final = "numpy dtype"
_GLOBALS: Final = (*_RECONSTRUCT, _NDARRAY, _DTYPE)

_STRINGS: Final = frozenset(
    ("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8")
) | frozenset(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"))
_LATIN: Final = frozenset(("STRING", "BINSTRING", "SHORT_BINSTRING"))
_NUMBERS: Final = frozenset(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"))
_EMPTY: Final[dict[str, Callable[[], Any]]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_CONSTANTS: Final[dict[str, Any]] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _RefusedError(Exception):
    """The pickle is not plain, or not well-formed; the message says what was met."""


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass
class _DType:
    code: Any


@dataclass
class _Array:
    """Stands for an array until its state arrives."""

    pixels: NDArray[np.uint8] | None = None


@dataclass
class _Machine:
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise _RefusedError("an empty stack")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack:
            raise _RefusedError("an empty stack")
        return self.stack[-1]

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise _RefusedError("a missing mark")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values


def read_plain_pickle(content: bytes, name: str) -> Any:
    """Read a pickle of plain values.

    Args:
        content: The pickle.
        name: What to call it in an error.

    Returns:
        Dictionaries, lists, tuples, `str`, `bytes` (Python 2 strings), integers, and `uint8` arrays.

    Raises:
        DataError: `unsafe_pickle` where it is anything else, `truncated_archive` where it ends early.
    """
    machine = _Machine()
    try:
        for opcode, argument in _instructions(content):
            if opcode == "STOP":
                return _finished(machine.pop())
            _step(machine, opcode, argument)
    except _RefusedError as error:
        raise DataError(
            "unsafe_pickle", f"'{name}' holds {error}: only arrays, strings, lists and numbers are read"
        ) from error
    raise DataError("truncated_archive", f"'{name}' ends early: download it again")


def _instructions(content: bytes) -> Iterator[tuple[str, Any]]:
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
            if number >= MAX_INSTRUCTIONS:
                raise _RefusedError(f"more than {MAX_INSTRUCTIONS} instructions")
            yield opcode.name, argument
    except (ValueError, OverflowError, UnicodeDecodeError) as error:
        if "exhausted" in str(error) or "not enough data" in str(error) or "but only" in str(error):
            return
        raise _RefusedError(f"a malformed instruction ({error})") from error


def _step(machine: _Machine, opcode: str, argument: Any) -> None:
    stack = machine.stack
    if opcode in ("PROTO", "FRAME"):
        return
    if opcode in _STRINGS:
        stack.append(argument.encode("latin-1") if opcode in _LATIN else argument)
    elif opcode in _NUMBERS:
        stack.append(argument)
    elif opcode in _CONSTANTS:
        stack.append(_CONSTANTS[opcode])
    elif opcode in _EMPTY:
        stack.append(_EMPTY[opcode]())
    elif opcode == "MARK":
        machine.marks.append(len(stack))
    elif opcode in ("LIST", "TUPLE", "DICT"):
        stack.append(_collected(opcode, machine.pop_to_mark()))
    elif opcode in _TUPLES:
        values = [machine.pop() for _ in range(_TUPLES[opcode])]
        stack.append(tuple(reversed(values)))
    elif opcode in ("GLOBAL", "STACK_GLOBAL"):
        stack.append(_global(machine, argument))
    elif not _fill(machine, opcode) and not _remember(machine, opcode, argument):
        _build(machine, opcode)


def _collected(opcode: str, values: list[Any]) -> Any:
    if opcode == "DICT":
        return _into({}, values)
    return values if opcode == "LIST" else tuple(values)


def _fill(machine: _Machine, opcode: str) -> bool:
    """Put values into the list or dictionary below them."""
    if opcode in ("APPEND", "APPENDS"):
        values = machine.pop_to_mark() if opcode == "APPENDS" else [machine.pop()]
        target = machine.top()
        if type(target) is not list:
            raise _RefusedError("an append to something that is no list")
        target.extend(values)
        return True
    if opcode in ("SETITEM", "SETITEMS"):
        values = machine.pop_to_mark() if opcode == "SETITEMS" else [machine.pop(), machine.pop()][::-1]
        _into(machine.top(), values)
        return True
    return False


def _into(target: Any, values: list[Any]) -> Any:
    if type(target) is not dict or len(values) % 2:
        raise _RefusedError("items for something that is no dictionary")
    for key, value in zip(values[::2], values[1::2], strict=True):
        if type(key) not in (str, bytes, int):
            raise _RefusedError("a key that is no string or number")
        target[key] = value
    return target


def _remember(machine: _Machine, opcode: str, argument: Any) -> bool:
    """Keep the top of the stack under a number, or bring it back."""
    if opcode in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
        machine.memo[len(machine.memo) if opcode == "MEMOIZE" else argument] = machine.top()
        return True
    if opcode in ("GET", "BINGET", "LONG_BINGET"):
        if argument not in machine.memo:
            raise _RefusedError("a reference to nothing")
        machine.stack.append(machine.memo[argument])
        return True
    return False


def _global(machine: _Machine, argument: Any) -> _Global:
    if argument is None:
        name, module = machine.pop(), machine.pop()
        if type(name) is not str or type(module) is not str:
            raise _RefusedError("a global without a name")
        argument = f"{module} {name}"
    if argument not in _GLOBALS:
        raise _RefusedError(f"the global {argument[:60]!r}")
    return _Global(argument)


def _build(machine: _Machine, opcode: str) -> None:
    """Make an array or its type (REDUCE), or give one its state (BUILD)."""
    if opcode == "REDUCE":
        arguments, target = machine.pop(), machine.pop()
        machine.stack.append(_called(target, arguments))
    elif opcode == "BUILD":
        state, target = machine.pop(), machine.top()
        if isinstance(target, _Array):
            target.pixels = _pixels(state)
        elif not isinstance(target, _DType):
            raise _RefusedError("a state for something that is no array")
    else:
        raise _RefusedError(f"the instruction {opcode}")


def _called(target: Any, arguments: Any) -> _Array | _DType:
    if not isinstance(target, _Global) or type(arguments) is not tuple:
        raise _RefusedError("a call of something that is no array")
    if target.name in _RECONSTRUCT and len(arguments) == 3 and arguments[0] == _Global(_NDARRAY):
        return _Array()
    if target.name == _DTYPE and arguments:
        return _DType(arguments[0])
    raise _RefusedError(f"a call of '{target.name}'")


def _pixels(state: Any) -> NDArray[np.uint8]:
    """Read numpy's array state: version, shape, type, whether columns come first, bytes."""
    if type(state) is not tuple or len(state) != 5:
        raise _RefusedError("an array without its state")
    _, shape, dtype, columns_first, content = state
    if not isinstance(dtype, _DType) or dtype.code not in ("u1", b"u1"):
        raise _RefusedError("an array of another type than 8-bit integers")
    lengths = shape if type(shape) is tuple and len(shape) <= _MAX_DIMENSIONS else (None,)
    if not all(type(length) is int and 0 <= length <= _MAX_LENGTH for length in lengths):
        raise _RefusedError("an array with no shape")
    if type(content) is not bytes or len(content) != int(np.prod([1, *shape], dtype=object)):
        raise _RefusedError("an array whose shape does not fit its bytes")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape, order="F" if columns_first else "C")


def _finished(value: Any) -> Any:
    """Replace the stand-ins for arrays at the top level, where CIFAR has them."""
    if type(value) is not dict:
        raise _RefusedError("something that is no dictionary")
    return {key: _plain(item) for key, item in value.items()}


def _plain(item: Any) -> Any:
    if isinstance(item, _Array):
        if item.pixels is None:
            raise _RefusedError("an array without its state")
        return item.pixels
    if isinstance(item, _Global | _DType):
        raise _RefusedError("a type where a value should be")
    return item
