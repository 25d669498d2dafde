"""Hostile and damaged pickles; each would do something with `pickle.loads`, none may do anything here."""

import builtins
import contextlib
import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data import plain_pickle
from nas.data.plain_pickle import read_plain_pickle
from search_spaces.errors import DataError


def refused(content: bytes) -> DataError:
    with pytest.raises(DataError) as caught:
        read_plain_pickle(content, "data_batch_1")
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_come_back(protocol: int) -> None:
    batch = {
        "labels": [3, 255, 256, 70_000, -1, 2**40],
        "filenames": ["a.png", "b.png", "a.png"],
        "more": ("x", None, True, [[], {}]),
    }
    assert read_plain_pickle(pickle.dumps(batch, protocol), "batch") == batch


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_come_back_in_either_order(protocol: int) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    batch = {"rows": pixels, "columns": np.asfortranarray(pixels), "again": pixels}
    result = read_plain_pickle(pickle.dumps(batch, protocol), "batch")
    for key in batch:
        assert result[key].tolist() == pixels.tolist()


def test_python_2_strings_are_bytes() -> None:
    # What Python 2 writes for {'data': 'a\xff', 'n': 7}, protocol 2.
    content = b"\x80\x02}q\x01(U\x04dataq\x02U\x02a\xffq\x03U\x01nq\x04K\x07u."
    assert read_plain_pickle(content, "batch") == {b"data": b"a\xff", b"n": 7}


class Calls:
    """Pickles to a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


HOSTILE_CALLS = [
    Calls(os.system, "touch trace"),
    Calls(eval, "open('trace', 'w')"),
    Calls(exec, "open('trace', 'w')"),
    Calls(getattr, builtins, "exit"),
    Calls(open, "trace", "w"),
    Calls(np.load, "trace"),
    Calls(np.memmap, "trace", "u1", "w+", 0, (8,)),
    Calls(os.getcwd),
    Calls(bytearray, 10),
    Calls(range, 2**60),
]


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("call", HOSTILE_CALLS, ids=lambda call: call.call[0].__name__)
def test_calls_are_refused(
    call: Calls, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in (call, {"data": call}, {"data": [call]}, {"data": (call, 1)}):
        if call.call[0] is getattr and protocol < 4:
            continue  # modules cannot be pickled; protocol 4 is written by hand below
        try:
            content = pickle.dumps(value, protocol)
        except TypeError:
            content = b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93."
        assert refused(content).code == "unsafe_pickle"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch trace'\ntR.",  # GLOBAL
        b"(S'touch trace'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch trace'\no.",  # OBJ
        b"\x80\x02cos\nsystem\n)\x81.",  # NEWOBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93)}\x92.",  # NEWOBJ_EX
        b"\x80\x02\x82\x01.",  # EXT1
        b"Pname\n.",  # PERSID
        b"\x80\x02U\x01aQ.",  # BINPERSID
        b"\x80\x05\x97.",  # NEXT_BUFFER
        b"\x80\x04]\x94]\x94\x93.",  # STACK_GLOBAL of two lists
        b"\x80\x02cnumpy\nndarray\n(K\x01tR.",  # an array class called directly
        b"\x80\x02cnumpy\ndtype\n}b.",  # a state for a class
        b"\x80\x02cnumpy\ndtype\n.",  # a class where a value should be
        b"\x80\x02}U\x01acnumpy\ndtype\ns.",
        b"\x80\x02]K\x01.",  # a number, not a dictionary
        b"\x80\x02K\x01K\x02s.",  # items for a number
        b"\x80\x02}(K\x01u.",  # an odd number of items
        b"\x80\x02}]K\x01s.",  # a list as a key
        b"\x80\x02u.",
        b"\x80\x02a.",
        b"\x80\x02t.",
        b"\x80\x02.",
        b"\x80\x02h\x07.",  # a reference to nothing
        b"\x80\x02q\x00.",
        b"\x80\x02}(0.",  # POP below a mark
        b"\xff\xff\xff",
        b"I1_0\n.",
    ],
)
def test_other_instructions_are_refused(content: bytes) -> None:
    assert refused(content).code == "unsafe_pickle"


def array_pickle(shape: bytes, code: bytes, content: bytes) -> bytes:
    """An array as Python 2 wrote it, with parts of one's choice."""
    dtype = (
        b"cnumpy\ndtype\n(U"
        + bytes([len(code)])
        + code
        + b"K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    state = b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", len(content)) + content + b"tb"
    return b"\x80\x02}U\x04data" + start + state + b"s."


def test_a_python_2_array_is_read() -> None:
    result = read_plain_pickle(array_pickle(b"(K\x02K\x03t", b"u1", bytes(range(6))), "batch")
    assert result[b"data"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("shape", "code", "content"),
    [
        (b"(K\x02K\x03t", b"O8", bytes(48)),  # objects
        (b"(K\x02K\x03t", b"f8", bytes(48)),
        (b"(K\x02K\x04t", b"u1", bytes(6)),
        (b"(J\xff\xff\xff\xffK\x06t", b"u1", bytes(6)),  # a negative length
        (b"(U\x01at", b"u1", bytes(6)),
        (b"K\x06", b"u1", bytes(6)),
        (b"(" + b"\x8a\x05\x00\x00\x00\x00\x01" * 8 + b"t", b"u1", bytes(6)),  # 2**256 elements
        (b"(K\x00\x8a\x09" + b"\x01" * 8 + b"\x00t", b"u1", b""),  # no elements, a length past any array
        (b"(" + b"K\x01" * 100 + b"t", b"u1", b"a"),  # 100 dimensions
    ],
)
def test_arrays_whose_parts_disagree_are_refused(shape: bytes, code: bytes, content: bytes) -> None:
    assert refused(array_pickle(shape, code, content)).code == "unsafe_pickle"


def test_an_array_without_its_state_is_refused() -> None:
    content = b"\x80\x02}U\x04datacnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btRs."
    assert refused(content).code == "unsafe_pickle"


def test_known_containers_are_refused_too() -> None:
    assert refused(pickle.dumps(OrderedDict(a=1))).code == "unsafe_pickle"


def test_a_huge_memo_number_costs_nothing() -> None:
    content = b"\x80\x02}r\xff\xff\xff\x7f."
    assert read_plain_pickle(content, "batch") == {}


def test_a_bomb_of_references_stays_small() -> None:
    # Each list holds the one before twice: 2**200 elements if they were copied.
    lists = [b"](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1]) for i in range(200)]
    content = b"\x80\x02}U\x01a(]q\x00" + b"".join(lists) + b"ts."
    assert len(read_plain_pickle(content, "batch")[b"a"]) == 201


def test_endless_instructions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_pickle, "MAX_INSTRUCTIONS", 1_000)
    assert refused(b"\x80\x02" + b"(" * 2_000).code == "unsafe_pickle"


def test_every_truncation_is_noticed() -> None:
    content = pickle.dumps({"data": np.zeros((2, 3), dtype=np.uint8), "labels": [1, 2]}, 4)
    for end in range(len(content)):
        assert refused(content[:end]).code in ("truncated_archive", "unsafe_pickle")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_bytes_never_raise_anything_else(data: st.DataObject) -> None:
    content = bytearray(pickle.dumps({"data": np.zeros((2, 3), dtype=np.uint8), "labels": [1, 2, 300]}, 4))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataError):
        read_plain_pickle(bytes(content), "batch")


def test_the_reader_runs_nothing_of_pickle() -> None:
    """`pickletools` lists instructions; `pickle` is not even imported."""
    assert not hasattr(plain_pickle, "pickle")
    assert plain_pickle.pickletools is pickletools  # type: ignore[attr-defined]
