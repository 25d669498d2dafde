"""Canonical form and variation on spaces small enough to know everything about."""

from functools import partial
from itertools import product

import numpy as np
import pytest

from search_spaces.base import ABSENT, PASS, Choice, IntArray, Slot, Space, Standing
from search_spaces.errors import UsageError
from search_spaces.layers import ConvNormAct
from search_spaces.network import network
from search_spaces.sampling import (
    active_choices,
    as_architecture,
    as_array,
    canonical,
    crossover,
    largest,
    mutate,
    option_counts,
    random_architectures,
    smallest,
)


def _conv(kernel: int) -> ConvNormAct:
    return ConvNormAct((8, 4, 4), 8, kernel, 1, "relu")


def _block(number: int, depth: int, kernel: int) -> Standing:
    return _conv(kernel) if number <= depth else PASS


def _capped(kernel: int, cap: int) -> Standing:
    return _conv(min(kernel, cap))


def _half(kernel: int) -> Standing:
    return _conv(3 if kernel < 5 else 5)


def _listed(kernels: tuple[int, ...], pattern: int) -> Standing:
    return _conv(kernels[pattern])


def _odd_one(odd: tuple[int, int], first: int, second: int) -> Standing:
    return _conv(5 if (first, second) == odd else 3)


END = Slot("end", (), partial(_conv, 3))
# Two blocks, the second of which is skipped at depth 1: 2 + 4 networks of 8 rows.
DEPTHS = Space(
    "depths",
    (Choice("depth", (1, 2)), Choice("kernel1", (1, 3)), Choice("kernel2", (1, 3))),
    (
        Slot("block1", ("depth", "kernel1"), partial(_block, 1)),
        Slot("block2", ("depth", "kernel2"), partial(_block, 2)),
        END,
    ),
)
# An option that is as good as another: kernels above the cap, with the cap chosen too.
CAPS = Space(
    "caps",
    (Choice("cap", (1, 3, 5)), Choice("kernel", (1, 3, 5))),
    (Slot("conv", ("kernel", "cap"), _capped), END),
)
# Two slots that disagree on what is alike: 1 = 3 and 5 = 7 for one, all above the cap for the other.
TWO_SLOTS = Space(
    "two slots",
    (Choice("cap", (1, 3, 5)), Choice("kernel", (1, 3, 5, 7))),
    (Slot("first", ("kernel",), _half), Slot("second", ("kernel", "cap"), _capped), END),
)
# One option is alike an earlier one in both slots, which is the first of its like in neither.
PATTERNS = Space(
    "patterns",
    (Choice("pattern", (0, 1, 2, 3, 4)),),
    (
        Slot("first", ("pattern",), partial(_listed, (1, 3, 1, 3, 3))),
        Slot("second", ("pattern",), partial(_listed, (1, 3, 5, 5, 5))),
        END,
    ),
)
# Only when the second choice is lowered does the first turn out to change nothing.
ORDER = Space(
    "order",
    (Choice("first", (0, 1)), Choice("second", (0, 1))),
    (Slot("conv", ("first", "second"), partial(_odd_one, (0, 1))), END),
)
NOTHING_TO_CHOOSE = Space("fixed", (), (END,))


def all_rows(space: Space) -> IntArray:
    return np.array(list(product(*(range(len(choice.options)) for choice in space.choices))))


@pytest.mark.parametrize(
    ("space", "num_networks"),
    [(DEPTHS, 6), (CAPS, 3), (TWO_SLOTS, 5), (PATTERNS, 4), (ORDER, 2)],
    ids=lambda value: value.name if isinstance(value, Space) else str(value),
)
def test_every_network_has_one_canonical_row(space: Space, num_networks: int) -> None:
    rows = all_rows(space)
    found: dict[object, set[tuple[int, ...]]] = {}
    for row, one in zip(rows, canonical(space, rows), strict=True):
        assert network(space, as_architecture(row)) == network(space, as_architecture(one))
        found.setdefault(network(space, as_architecture(row)), set()).add(as_architecture(one))
    assert len(found) == num_networks
    assert {len(forms) for forms in found.values()} == {1}


def test_a_skipped_block_has_no_kernel() -> None:
    np.testing.assert_array_equal(canonical(DEPTHS, as_array((0, 1, 1), (1, 1, 1))), [[0, 1, 0], [1, 1, 1]])
    np.testing.assert_array_equal(
        active_choices(DEPTHS, as_array((0, 1, 0), (1, 1, 1))), [[True, True, False], [True, True, True]]
    )


def test_the_first_option_that_is_alike_in_every_slot_is_taken() -> None:
    assert canonical(PATTERNS, all_rows(PATTERNS))[:, 0].tolist() == [0, 1, 2, 3, 3]


def test_one_architecture_may_be_given_as_a_plain_row() -> None:
    np.testing.assert_array_equal(canonical(DEPTHS, np.array([0, 1, 1])), [[0, 1, 0]])


def test_no_architectures_have_a_canonical_form_too() -> None:
    assert canonical(DEPTHS, np.zeros((0, 3), dtype=np.int64)).shape == (0, 3)


@pytest.mark.parametrize("rows", [[[0, 0]], [[0, 0, 2]], [[0, -1, 0]], [[[0, 0, 0]]]])
def test_rows_that_do_not_fit_are_refused(rows: list[list[int]]) -> None:
    with pytest.raises(UsageError) as caught:
        canonical(DEPTHS, np.array(rows))
    assert caught.value.code == "invalid_architecture"


def test_smallest_and_largest_are_the_first_and_last_options() -> None:
    np.testing.assert_array_equal(smallest(DEPTHS), [[0, 0, 0]])
    np.testing.assert_array_equal(largest(DEPTHS), [[1, 1, 1]])
    np.testing.assert_array_equal(option_counts(TWO_SLOTS), [3, 4])


def test_options_are_drawn_equally_often() -> None:
    rows = random_architectures(DEPTHS, 4000, np.random.default_rng(0))
    # binomial with n = 4000, p = 1/2 has a deviation of 32
    assert abs((rows[:, 0] == 1).sum() - 2000) < 5 * 32
    # the second kernel counts at depth 2 only: p = 1/4, deviation 27
    assert abs((rows[:, 2] == 1).sum() - 1000) < 5 * 27


def test_mutation_with_probability_0_redraws_one_active_choice() -> None:
    rows = np.repeat(as_array((0, 1, 0)), 500, axis=0)
    found = {as_architecture(row) for row in mutate(DEPTHS, rows, np.random.default_rng(0), 0.0)}
    assert found == {(1, 1, 0), (0, 0, 0)}


def test_mutation_with_probability_1_redraws_every_choice() -> None:
    rows = np.repeat(as_array((0, 1)), 300, axis=0)
    found = {as_architecture(row) for row in mutate(TWO_SLOTS, rows, np.random.default_rng(0), 1.0)}
    raw = [(cap, kernel) for cap in (1, 2) for kernel in (0, 2, 3)]
    assert found == {as_architecture(row) for row in canonical(TWO_SLOTS, as_array(*raw))}


def test_a_space_without_choices_has_one_architecture_whatever_is_done() -> None:
    rng = np.random.default_rng(0)
    rows = random_architectures(NOTHING_TO_CHOOSE, 3, rng)
    assert rows.shape == (3, 0)
    assert mutate(NOTHING_TO_CHOOSE, rows, rng).shape == (3, 0)
    assert crossover(NOTHING_TO_CHOOSE, rows, rows, rng).shape == (3, 0)
    assert as_architecture(smallest(NOTHING_TO_CHOOSE)[0]) == as_architecture(largest(NOTHING_TO_CHOOSE)[0])


def test_crossover_gives_every_mix_of_two_parents() -> None:
    first, second = (np.repeat(as_array(one), 400, axis=0) for one in ((1, 0, 0), (1, 1, 1)))
    child = crossover(DEPTHS, first, second, np.random.default_rng(0))
    assert {as_architecture(row) for row in child} == set(product((1,), (0, 1), (0, 1)))


def test_absent_slots_have_no_choices_either() -> None:
    def edge(use: str, kernel: int) -> Standing:
        return _conv(kernel) if use == "yes" else ABSENT

    space = Space(
        "absent",
        (Choice("use", ("no", "yes")), Choice("kernel", (1, 3))),
        (Slot("edge", ("use", "kernel"), edge), Slot("end", (), partial(_conv, 3), ("edge",))),
    )
    np.testing.assert_array_equal(canonical(space, as_array((0, 1))), [[0, 0]])
