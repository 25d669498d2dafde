import pytest

from nas.strategies.catalogue import STRATEGIES, get_strategy
from nas.strategies.nsga2 import Nsga2
from search_spaces.errors import UsageError


def test_strategies_are_found_by_name() -> None:
    assert get_strategy("nsga2") is Nsga2
    assert all(get_strategy(name) is factory for name, factory in STRATEGIES.items())


def test_an_unknown_strategy_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match="no strategy 'magic'; strategies are nsga2, random") as refused:
        get_strategy("magic")
    assert refused.value.code == "unknown_strategy"
