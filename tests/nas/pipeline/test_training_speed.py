"""How fast a supernet will train: measured, fitted to others, or modelled."""

import pytest

from nas.data.facts import facts_of
from nas.pipeline.training_speed import WITHIN, Speed, expected_speed, training_speed
from nas.specs import SearchSpec
from nas.store.supernet_store import StoredSupernet
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home, small_spec


def speed(
    finished: FinishedSearch, home: Home, spec: SearchSpec, same: StoredSupernet | None = None
) -> Speed:
    images = facts_of(finished.context().dataset.report.as_dict())
    space = finished.context().space
    return training_speed(home.stores, "local", spec, space, images.num_train, same)


def test_where_nobody_has_trained_it_is_what_a_small_machine_takes(
    finished: FinishedSearch, home: Home
) -> None:
    found = speed(finished, home, small_spec())
    assert (found.how, found.timed) == ("modelled", expected_speed(small_spec(), finished.context().space))


def test_an_earlier_training_of_it_is_taken(finished: FinishedSearch) -> None:
    (trained,) = [
        one for one in finished.home.stores.supernets.list_all("local") if "alone" not in one.key.recipe
    ]
    found = speed(finished, finished.home, small_spec(), trained)
    assert found.how == "measured"
    steps_s = found.timed.step_s * 2 * trained.epochs  # 120 images in batches of 64
    assert 0.05 * float(trained.summary["seconds"]) < steps_s <= float(trained.summary["seconds"])


def test_trainings_of_others_tell_how_fast_this_machine_is(finished: FinishedSearch) -> None:
    (trained,) = [
        one for one in finished.home.stores.supernets.list_all("local") if "alone" not in one.key.recipe
    ]
    other = small_spec(supernet={"epochs": 2, "recipe": "sandwich"})
    space = finished.context().space
    same = speed(finished, finished.home, small_spec(), trained)
    factor = same.timed.step_s / expected_speed(small_spec(), space).step_s
    found, expected = speed(finished, finished.home, other), expected_speed(other, space)
    assert found.how == "fitted"
    assert found.timed.step_s == pytest.approx(factor * expected.step_s)
    assert found.timed.image_s == pytest.approx(factor * expected.image_s)


def test_the_less_is_known_the_wider_it_is() -> None:
    assert 1 < WITHIN["measured"] < WITHIN["fitted"] < WITHIN["modelled"]
