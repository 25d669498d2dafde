"""Choices, option values and digests."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from search_spaces.base import (
    Choice,
    Option,
    Slot,
    Space,
    architecture_digest,
    architecture_from_values,
    option_values,
    space_digest,
)
from search_spaces.errors import UsageError
from search_spaces.layers import ConvNormAct

PRINT_DIGESTS = """
from search_spaces.base import architecture_digest
from search_spaces.catalogue import PRESETS, get_space
for name, presets in PRESETS.items():
    for preset in presets:
        space = get_space(name, preset=preset, num_classes=10, in_channels=3)
        print(architecture_digest(space, (0,) * len(space.choices)))
"""


def _layer(kernel: int) -> ConvNormAct:
    return ConvNormAct((3, 8, 8), 8, kernel, 1, "relu")


def space_of(options: tuple[Option, ...] = (3, 5), name: str = "one", slot: str = "conv") -> Space:
    return Space(name, (Choice("kernel", options),), (Slot(slot, ("kernel",), partial(_layer)),))


@pytest.mark.parametrize("options", [(), (3, 3), (1, 1.0)])
def test_a_choice_has_distinct_options(options: tuple[Option, ...]) -> None:
    with pytest.raises(UsageError, match="'kernel' needs distinct options") as caught:
        Choice("kernel", options)
    assert caught.value.code == "invalid_choice"


@pytest.mark.parametrize("architecture", [(), (0, 0), (2,), (-1,)])
def test_indices_that_do_not_fit_are_refused(architecture: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        option_values(space_of(), architecture)
    assert caught.value.code == "invalid_architecture"


def test_options_have_names() -> None:
    assert option_values(space_of(), (1,)) == {"kernel": 5}
    assert architecture_from_values(space_of(), {"kernel": 5}) == (1,)


@pytest.mark.parametrize(
    ("values", "code", "told"),
    [
        ({"kernel": 3, "depth": 2}, "unknown_choice", "choices are kernel"),
        ({}, "missing_choice", "'kernel'"),
        ({"kernel": 4}, "unknown_option", "options are [3, 5]"),
        ({"kernel": "3"}, "unknown_option", "no option '3'"),
        ({"kernel": True}, "unknown_option", "no option True"),
        ({"kernel": None}, "unknown_option", "no option None"),
        ({"kernel": [3]}, "unknown_option", r"no option [3]"),
    ],
)
def test_options_that_do_not_exist_are_refused(values: dict[str, Any], code: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        architecture_from_values(space_of((3, 5)), values)
    assert caught.value.code == code
    assert told in caught.value.message


def test_true_is_not_the_option_1() -> None:
    with pytest.raises(UsageError):
        architecture_from_values(space_of((1, 3)), {"kernel": True})


def test_the_digest_of_a_space_covers_its_name_options_slots_and_layers() -> None:
    different = [
        space_of(), space_of(name="two"), space_of((3, 7)), space_of((5, 3)), space_of(slot="other"),
    ]  # fmt: skip
    deeper = Slot("again", (), partial(_layer, 3), ("conv",))
    different.append(Space("one", different[0].choices, (*different[0].slots, deeper)))
    assert len({space_digest(space) for space in different}) == len(different)


def test_spaces_built_twice_have_one_digest() -> None:
    assert space_digest(space_of()) == space_digest(space_of())
    assert architecture_digest(space_of(), (1,)) == architecture_digest(space_of(), (1,))
    assert architecture_digest(space_of(), (1,)) != architecture_digest(space_of(), (0,))


def test_digests_do_not_depend_on_the_process(repository: Path) -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGESTS],
            cwd=repository,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert len(set(printed[0])) == 4
