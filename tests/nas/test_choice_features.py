import numpy as np
import pytest

from nas.choice_features import OWN_EFFECT, global_choices, pair_term, single_terms
from search_spaces.catalogue import get_space

MOBILENET = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)
CELL = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=1)


def test_ordered_options_have_a_line_a_parabola_and_an_effect_of_their_own() -> None:
    resolution = single_terms(MOBILENET)[0]
    assert resolution.columns == (0,)
    assert resolution.features[:, 0].tolist() == pytest.approx([-1.0, -1 / 3, 1 / 3, 1.0])
    assert resolution.features[:, 1].tolist() == pytest.approx([1 / 2, -7 / 18, -7 / 18, 1 / 2])
    assert np.array_equal(resolution.features[:, 2:], OWN_EFFECT * np.eye(4))


def test_options_without_an_order_have_an_effect_of_their_own_only() -> None:
    assert np.array_equal(single_terms(CELL)[0].features, np.eye(5))


def test_choices_with_one_option_have_no_features() -> None:
    used = {MOBILENET.choices[term.columns[0]].name for term in single_terms(MOBILENET)}
    assert "stage1.width" not in used
    assert used == {choice.name for choice in MOBILENET.choices if len(choice.options) > 1}


def test_the_global_choices_are_those_of_stages_and_the_whole_network() -> None:
    names = [MOBILENET.choices[column].name for column in global_choices(MOBILENET)]
    assert names == [
        "resolution",
        "stage1.depth",
        "stage2.depth",
        "stage2.width",
        "stage3.depth",
        "stage3.width",
        "stage3.squeeze_excite",
    ]


def test_a_pair_of_choices_has_every_product_of_their_features() -> None:
    term = pair_term(CELL, 0, 3)
    assert term.columns == (0, 3)
    rows = term.of(np.array([[2, 0, 0, 4, 0, 0]]))
    assert rows.shape == (1, 25)
    assert np.flatnonzero(rows[0]).tolist() == [2 * 5 + 4]


def test_features_of_architectures_are_looked_up_by_option() -> None:
    term = single_terms(MOBILENET)[0]
    archs = np.zeros((2, len(MOBILENET.choices)), dtype=np.int64)
    archs[1, 0] = 3
    assert term.of(archs)[:, 0] == pytest.approx([-1.0, 1.0])
