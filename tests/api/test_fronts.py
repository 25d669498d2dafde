"""The front is what was published: verified points, by target."""

from pathlib import Path

import pytest

from api.fronts import show_front
from nas.settings import Settings
from search_spaces.errors import UsageError
from tests.api.handmade import FRONT, STOCK, finished_search, network, target, unfinished_search
from tests.api.test_searches import drawn


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_the_front_holds_the_published_points_only(settings: Settings) -> None:
    finished_search(settings.home)
    front = show_front(settings, "latest", 1)
    assert front.networks == FRONT
    assert front.references == (STOCK,)
    text = drawn(front)
    assert [one.name for one in FRONT if one.name not in text] == []
    assert "net-ddd444" not in text


def test_a_stock_network_that_beats_what_was_delivered_is_told(settings: Settings) -> None:
    run = finished_search(settings.home)
    front = show_front(settings, "latest", 1)
    assert "a stock network" not in drawn(front)
    better = network("resnet", 0.995, 0.30, "dominated", origin="reference")
    text = drawn(front.model_copy(update={"references": (better,)}))
    assert (
        "resnet, a stock network, is faster and more accurate than net-ccc333: "
        f"hwnas export {run.id} --name resnet"
    ) in text


def test_targets_are_counted_from_one(settings: Settings) -> None:
    second = network("net-fff666", 0.9, 0.2)
    finished_search(settings.home, target(*FRONT), target(second))
    assert show_front(settings, "latest", 2).networks == (second,)
    for number in (0, 3):
        with pytest.raises(UsageError, match="its targets are 1 to 2"):
            show_front(settings, "latest", number)


def test_the_front_of_an_unfinished_search_is_not_there(settings: Settings) -> None:
    unfinished_search(settings.home, "profile")
    with pytest.raises(UsageError) as caught:
        show_front(settings, "latest", 1)
    assert caught.value.code == "search_not_finished"
