import pytest

from api.dashboard.overlays import label_of, offered, overlays
from search_spaces.errors import UsageError
from tests.api.dashboard.found import finished, measured_here
from tests.api.served import Caller


def test_fronts_are_named_by_search_and_target(api: Caller) -> None:
    both = finished(api.stores, measured_here(), measured_here(limit_ms=0.3))
    shown = overlays(api.stores, "local", [f"{both}.2", f"{both}.1", f"{both}.2"])
    assert [(one.front.number, one.label) for one in shown] == [
        (2, f"{both}, target 2"),
        (1, f"{both}, target 1"),
    ]


@pytest.mark.parametrize("key", ["", "nothing", ".1", "a.b", "a.0", "a.-1", "a.²", "a.9999"])
def test_what_names_no_front_is_told(api: Caller, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        overlays(api.stores, "local", [key])
    assert caught.value.code in ("invalid_overlay", "unknown_job")


def test_only_fronts_of_the_tenant_are_offered(api: Caller) -> None:
    first, second = finished(api.stores), finished(api.stores)
    keys = [one.key for one in offered(api.stores, "local")]
    assert keys == [f"{second}.1", f"{first}.1"]
    own_first = offered(api.stores, "local", api.stores.jobs.get("local", first))
    assert own_first[0].key == f"{first}.1"
    assert offered(api.stores, "other") == []
    assert label_of(api.stores.jobs.get("local", first), 1) == first
