"""Architectures are described without the choices that change nothing in them."""

from nas.report.architecture import active_options, in_one_line, option_grid, searched_space, varying
from search_spaces.base import Option, option_values
from search_spaces.sampling import as_architecture, largest, smallest
from tests.nas.report.documents import make_result, network, space

OPTIONS: dict[str, Option] = {
    "resolution": 24,
    "stage1.depth": 2,
    "stage1.block1.kernel": 3,
    "stage2.depth": 1,
}


def test_the_space_of_a_search_is_found_by_its_name() -> None:
    found = searched_space(make_result())
    assert found is not None
    assert [choice.name for choice in found.choices] == [choice.name for choice in space().choices]


def test_a_space_that_this_version_does_not_have_is_none() -> None:
    result = make_result()
    unknown = result.spec.model_copy(
        update={"space": result.spec.space.model_copy(update={"preset": "gone"})}
    )
    assert searched_space(result.model_copy(update={"spec": unknown})) is None


def test_choices_of_blocks_that_are_left_out_are_not_listed() -> None:
    small = option_values(space(), as_architecture(smallest(space())[0]))
    assert "stage1.block3.kernel" in small
    assert "stage1.block3.kernel" not in active_options(small, space())
    assert "stage1.depth" in active_options(small, space())


def test_all_choices_of_the_largest_network_are_listed() -> None:
    large = option_values(space(), as_architecture(largest(space())[0]))
    several = {choice.name for choice in space().choices if len(choice.options) > 1}
    assert set(active_options(large, space())) == several


def test_an_architecture_of_another_space_is_shown_as_it_is() -> None:
    assert active_options({"a": 1}, space()) == {"a": 1}
    assert active_options(OPTIONS, None) == OPTIONS
    strange = {**option_values(space(), as_architecture(smallest(space())[0])), "resolution": 7}
    assert active_options(strange, space()) == strange


def test_one_line_groups_choices_of_a_kind() -> None:
    assert in_one_line(OPTIONS) == "resolution 24, depth 2·1, kernel 3"


def test_the_grid_has_a_row_a_part_and_a_column_a_kind() -> None:
    grid = option_grid(OPTIONS)
    assert grid.columns == ("resolution", "depth", "kernel")
    assert grid.rows == (
        ("", ("24", "", "")),
        ("stage1", ("", "2", "")),
        ("stage1.block1", ("", "", "3")),
        ("stage2", ("", "1", "")),
    )


def test_choices_in_which_networks_differ() -> None:
    first = network("a", 0.1, 0.9, architecture={"width": 1, "depth": 2})
    second = network("b", 0.2, 0.95, architecture={"width": 1, "depth": 3})
    assert varying((first, second)) == ("depth",)
    assert varying((first,)) == ()


def test_choices_stand_in_the_order_of_the_space() -> None:
    small = option_values(space(), as_architecture(smallest(space())[0]))
    large = option_values(space(), as_architecture(largest(space())[0]))
    stored = network("a", 0.1, 0.9, architecture=dict(sorted(small.items())))
    several = [choice.name for choice in space().choices if len(choice.options) > 1]
    assert list(varying((stored, network("b", 0.2, 0.95, architecture=large)), space())) == several


def test_no_networks_differ_in_nothing() -> None:
    assert varying(()) == ()
