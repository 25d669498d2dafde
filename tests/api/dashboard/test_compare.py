"""What a change bought: fronts side by side."""

import pytest

from api.dashboard.compare import differences, standings
from api.dashboard.figures.front import Overlay
from tests.api.dashboard.browsing import browse, sound
from tests.api.dashboard.found import finished, front_of, measured_here
from tests.api.served import Caller
from tests.nas.report.documents import network

AXES = ("latency_ms", "accuracy")


def overlay(api: Caller, search: str, number: int = 1) -> Overlay:
    return Overlay(f"{search}.{number}", search, front_of(api.stores, search, number))


def test_volumes_are_those_of_boxes_worked_out_by_hand(api: Caller) -> None:
    # The box goes from 1 to 3 ms and from 80 to 100 %: scaled to 1, and a tenth beyond.
    one = measured_here(network("a", 1.0, 0.8), network("b", 3.0, 1.0))
    other = measured_here(network("c", 1.0, 1.0))
    first, second = (overlay(api, finished(api.stores, found)) for found in (one, other))
    held, against = standings([first, second], AXES)
    # a and b: 0.1 high from 0 on, 1.1 high in the last tenth; c: all.
    assert held.volume == pytest.approx((1.1 * 0.1 + 0.1 * 1.0) / 1.21)
    assert against.volume == pytest.approx(1.0)
    assert held.gain is None
    assert against.gain == pytest.approx(1.21 / 0.21 - 1)
    assert (against.beaten, against.beats) == (2, 0)


def test_an_empty_front_dominates_nothing(api: Caller) -> None:
    empty = measured_here(network("over", 9.0, 0.99, status="over_limit"))
    full = measured_here(network("a", 1.0, 0.8), network("b", 3.0, 1.0))
    shown = [overlay(api, finished(api.stores, found)) for found in (empty, full)]
    held, against = standings(shown, AXES)
    assert (held.volume, held.best) == (0.0, None)
    assert against.gain is None
    assert against.volume > 0


def test_only_settings_that_differ_are_told(api: Caller) -> None:
    search = finished(api.stores, measured_here(limit_ms=1.0), measured_here(limit_ms=0.3))
    found = dict(differences([front_of(api.stores, search, number) for number in (1, 2)]))
    assert found == {"target.limits.latency_ms": ["1.0", "0.3"]}
    other = finished(api.stores, measured_here(limit_ms=1.0), measured_here(limit_ms=0.3))
    assert dict(differences([front_of(api.stores, one) for one in (search, other)])) == {"seed": ["0", "1"]}


def test_the_page_compares_what_the_address_names(api: Caller) -> None:
    assert "two searches have to finish first" in sound(browse(api, "/compare"))
    first, second = finished(api.stores), finished(api.stores)
    assert "Choose at least two fronts" in sound(browse(api, f"/compare?with={first}.1&with="))
    text = sound(browse(api, f"/compare?with={first}.1&with={second}.1&with=&with=&y=num_params"))
    assert "Hypervolume" in text
    assert '<svg class="static"' in text
    assert '<th scope="row">seed</th>' in text


def test_fronts_of_others_are_not_found(api: Caller) -> None:
    first, second = finished(api.stores), finished(api.stores)
    stranger = api.as_("read", tenant="other")
    assert browse(stranger, f"/compare?with={first}.1&with={second}.1").status_code == 404
    assert first not in sound(browse(stranger, "/compare"))
