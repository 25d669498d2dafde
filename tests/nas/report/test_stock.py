"""A stock network that beats what was delivered is named, with the command that exports it."""

import pytest

from nas.report.stock import better_stock_sentences
from nas.results import VerifiedNetwork
from tests.nas.report.documents import deliveries, latency, network, target

FAST = network("fast", 0.1, 0.95)
MIDDLE = network("middle", 0.3, 0.96)
BEST = network("best", 0.5, 0.98)
FOUND = target((FAST, MIDDLE, BEST), 1.0)
"""The ends of it are delivered."""


def stock(median_ms: float, share: float, name: str = "resnet") -> VerifiedNetwork:
    return network(name, median_ms, share, origin="reference", status="dominated")


def said(*references: VerifiedNetwork, number: int = 1) -> tuple[str, ...]:
    return better_stock_sentences("digits-1f3a9c2e", number, FOUND, references, deliveries((FOUND,)))


def test_one_that_is_faster_and_more_accurate_is_named_with_its_command() -> None:
    (told,) = said(stock(0.4, 0.99))
    assert told == (
        "resnet, a stock network, is faster and more accurate than best: "
        "hwnas export digits-1f3a9c2e --name resnet"
    )


def test_it_is_told_of_all_that_it_beats_and_where() -> None:
    (told,) = said(stock(0.6, 0.97, "shufflenet_v2"), stock(0.05, 0.99), number=2)
    assert told == (
        "resnet, a stock network, is faster and more accurate than fast, best: "
        "hwnas export digits-1f3a9c2e --name resnet --target 2"
    )


@pytest.mark.parametrize(
    "other",
    [
        stock(0.4, 0.98),  # as accurate as the best
        stock(0.6, 0.99),  # more accurate, but slower
        stock(0.05, 0.94),  # faster, but less accurate
        stock(0.2, 0.97),  # beats a network that was not delivered
        stock(0.4, 0.99).model_copy(update={"latency": latency(0.4, 0.3)}),  # may be as slow
    ],
)
def test_of_any_other_nothing_is_said(other: VerifiedNetwork) -> None:
    assert said(other) == ()


def test_one_that_breaks_a_limit_is_no_alternative() -> None:
    limits = {"latency_ms": 1.0, "file_bytes": BEST.file_bytes}
    asked = FOUND.target.model_copy(update={"limits": limits})
    found = FOUND.model_copy(update={"target": asked})
    small, large = (
        stock(0.4, 0.99).model_copy(update={"file_bytes": BEST.file_bytes + more}) for more in (0, 1)
    )
    chosen = deliveries((found,))
    assert len(better_stock_sentences("digits-1f3a9c2e", 1, found, (small,), chosen)) == 1
    assert better_stock_sentences("digits-1f3a9c2e", 1, found, (large,), chosen) == ()
