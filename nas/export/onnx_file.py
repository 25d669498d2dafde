"""What an ONNX file says about itself, read without the package `onnx`: the service starts without it.

Of the protocol buffer (https://protobuf.dev/programming-guides/encoding) only the fields that are asked for
are looked at; their numbers are those of `onnx.proto`, which never change. Weights are skipped, not copied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_GRAPH: Final = 7
_PROPERTIES: Final = 14
_INPUT: Final = 11
_KEY, _VALUE = 1, 2
_SHAPE: Final = (2, 1, 2)
"""From an input to its shape: type, tensor type, shape."""

_DIMENSION, _SIZE = 1, 1

Value = int | memoryview


@dataclass(frozen=True)
class OnnxFile:
    """What is asked of a file.

    Attributes:
        properties: That its exporter wrote.
        input_shape: Of its first input; 0 where a dimension is dynamic.
    """

    properties: dict[str, str]
    input_shape: tuple[int, ...]


def read_onnx(content: bytes) -> OnnxFile:
    """Return what a file says about itself.

    Raises:
        ValueError: It is no protocol buffer with a graph that has an input.
    """
    model = memoryview(content)
    properties = [(_text(one, _KEY), _text(one, _VALUE)) for one in _messages(model, _PROPERTIES)]
    first = next(_messages(_message(model, _GRAPH), _INPUT), None)
    if first is None:
        raise ValueError("the graph has no input")
    for number in _SHAPE:
        first = _message(first, number)
    sizes = [next(_found(one, _SIZE), 0) for one in _messages(first, _DIMENSION)]
    return OnnxFile(dict(properties), tuple(size if isinstance(size, int) else 0 for size in sizes))


def _text(message: memoryview, number: int) -> str:
    return bytes(_message(message, number)).decode("utf-8")


def _message(message: memoryview, number: int) -> memoryview:
    found = next(_messages(message, number), None)
    if found is None:
        raise ValueError(f"field {number} is missing")
    return found


def _messages(message: memoryview, number: int) -> Iterator[memoryview]:
    return (value for value in _found(message, number) if isinstance(value, memoryview))


def _found(message: memoryview, number: int) -> Iterator[Value]:
    return (value for field, value in _fields(message) if field == number)


def _fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield number and value of each field: integers as such, what has a length as its bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            integer, at = _varint(message, at)
            yield number, integer
            continue
        length = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            length, at = _varint(message, at)
        if not number or length is None or at + length > len(message):
            raise ValueError(f"it is cut off or damaged at byte {at}")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return an integer of seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError(f"it is cut off or damaged at byte {at}")
