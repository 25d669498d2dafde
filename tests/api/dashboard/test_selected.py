"""What is selected of a front, by options and by ends."""

import pytest
from pydantic import ValidationError

from api.dashboard.front_query import FrontQuery
from api.dashboard.selected import selection
from nas.report.architecture import active_options, varying
from tests.nas.report.documents import network, searched_networks, space

A = network("a", 0.1, 0.9, architecture={"depth": 1, "width": 16, "same": 3})
B = network("b", 0.2, 0.95, architecture={"depth": 3, "width": 16, "same": 3})
C = network("c", 0.4, 0.99, architecture={"depth": 2, "width": 24, "same": 3})
FRONT = [A, B, C]


def names(**asked: object) -> set[str] | None:
    """Who is selected by an address."""
    found = selection(FRONT, None, FrontQuery.model_validate(asked)).names
    return None if found is None else set(found)


def test_options_of_one_choice_are_alternatives_those_of_several_must_all_be_there() -> None:
    assert names(only=("depth:1", "depth:3")) == {"a", "b"}
    assert names(only=("depth:1", "depth:3", "width:24")) == set()
    assert names(only=("depth:2", "width:24")) == {"c"}
    assert names(only=("gone:1",)) == set()


def test_ends_of_figures_select_too() -> None:
    assert names(only_latency_ms="0.1..0.2") == {"a", "b"}
    assert names(only_accuracy="95..100", only=("width:16",)) == {"b"}
    assert names(only_latency_ms=" 5 .. 6 ") == set()


def test_nothing_asked_for_selects_all() -> None:
    found = selection(FRONT, None, FrontQuery(only_latency_ms=None))
    assert found.names is None
    assert all(found.has(one.name) for one in FRONT)
    assert [choice.name for choice in found.choices] == ["depth", "width"]
    assert found.choices[0].options == (("1", 0.0, False), ("2", 0.5, False), ("3", 1.0, False))


def test_a_choice_that_changes_nothing_in_a_network_does_not_select_it() -> None:
    front = [one for one in searched_networks(40, 3, 1.0) if one.status == "front"]
    having = {
        name: {one.name for one in front if name in active_options(one.architecture, space())}
        for name in varying(tuple(front), space())
    }
    name = next(name for name, some in having.items() if 0 < len(some) < len(front))
    options = {str(one.architecture[name]) for one in front}
    asked = FrontQuery(only=tuple(f"{name}:{option}" for option in options))
    assert selection(front, space(), asked).names == having[name]


@pytest.mark.parametrize(
    "wrong", [{"only": ["depth"]}, {"only_latency_ms": "fast"}, {"only_accuracy": "1..2..3"}]
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FrontQuery.model_validate(wrong)
