"""The search strategies by name."""

from typing import Final

from nas.strategies.nsga2 import Nsga2
from nas.strategies.random_search import RandomSearch
from nas.strategies.strategy import StrategyFactory
from search_spaces.errors import UsageError

STRATEGIES: Final[dict[str, StrategyFactory]] = {"nsga2": Nsga2, "random": RandomSearch}


def get_strategy(name: str) -> StrategyFactory:
    """Return the factory of a strategy.

    Raises:
        UsageError: `unknown_strategy`, naming those that exist.
    """
    if name not in STRATEGIES:
        raise UsageError("unknown_strategy", f"no strategy '{name}'; strategies are {', '.join(STRATEGIES)}")
    return STRATEGIES[name]
