"""Where a stock network beats what a search delivers, in words: the plot alone is easily overlooked."""

from collections.abc import Sequence

from nas.publication import keeps_limits
from nas.results import Delivery, TargetResult, VerifiedNetwork


def better_stock_sentences(
    search: str,
    number: int,
    target: TargetResult,
    references: Sequence[VerifiedNetwork],
    deliveries: Sequence[Delivery],
) -> tuple[str, ...]:
    """Return for each stock network that beats delivered points of the front which, and how to get it.

    It keeps the limits, is faster (its measured interval lies below the other's) and more accurate.

    Args:
        search: Identifier of the search.
        number: Of the target, counted from 1.
        target: What was found for it.
        references: Stock networks as they were measured for it.
        deliveries: Those of the target.
    """
    chosen = {delivery.name for delivery in deliveries}
    delivered = [network for network in target.front if network.name in chosen]
    where = f" --target {number}" if number > 1 else ""
    able = [stock for stock in references if keeps_limits(stock, target.limits)]
    beaten = {stock.name: [one.name for one in delivered if _beats(stock, one)] for stock in able}
    return tuple(
        f"{name}, a stock network, is faster and more accurate than {', '.join(others)}: "
        f"hwnas export {search} --name {name}{where}"
        for name, others in beaten.items()
        if others
    )


def _beats(stock: VerifiedNetwork, other: VerifiedNetwork) -> bool:
    faster = stock.latency.upper_ms < other.latency.lower_ms
    return faster and stock.accuracy.value > other.accuracy.value
