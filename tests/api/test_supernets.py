"""Supernets are listed with what tells them apart and how far they are."""

from pathlib import Path

import pytest

from api.supernets import list_supernets
from nas.settings import Settings
from nas.store.stores import opened_stores
from nas.store.supernet_store import SupernetKey
from tests.api.handmade import SPEC, claimed, submitted
from tests.api.test_searches import drawn

KEY = SupernetKey("5" * 64, "d" * 64, "default", 3)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_without_supernets_the_way_to_one_is_told(settings: Settings) -> None:
    found = list_supernets(settings)
    assert found.supernets == ()
    assert "a search trains one" in drawn(found)


def test_trained_ones_and_those_in_training_are_listed_newest_first(settings: Settings) -> None:
    with opened_stores(settings) as stores:
        lease = claimed(stores, submitted(stores, SPEC)).lease
        first = stores.supernets.begin(lease, KEY, 30)
        stores.supernets.finish(lease, first.id, "w" * 64, {"num_params": 1234, "seconds": 61.0})
        second = stores.supernets.begin(lease, KEY, 60)
    lines = list_supernets(settings).supernets
    assert [(line.id, line.trained, line.epochs) for line in lines] == [
        (second.id, False, 60),
        (first.id, True, 30),
    ]
    assert (lines[1].num_params, lines[1].train_seconds, lines[1].seed) == (1234, 61.0, 3)
    text = drawn(list_supernets(settings))
    assert "in training" in text
    assert "trained in 1 min 1 s" in text


def test_those_of_others_are_not_shown(settings: Settings) -> None:
    with opened_stores(settings) as stores:
        stores.supernets.begin(claimed(stores, submitted(stores, SPEC)).lease, KEY, 30)
    assert list_supernets(settings.model_copy(update={"tenant": "acme"})).supernets == ()
