import pytest

from api.dashboard.results import target_front
from nas.job_records import JobRequest
from nas.jobs import JobKind
from search_spaces.errors import UsageError
from tests.api.dashboard.found import finished, measured_here, networks
from tests.api.handmade import SPEC, claimed, submitted
from tests.api.served import Caller


def test_a_finished_search_has_its_front_with_stock_networks(api: Caller) -> None:
    search = finished(api.stores)
    front = target_front(api.stores, "local", search, 1)
    assert len(front.target.networks) == 30
    assert [one.name for one in front.references][-1] == "resnet"
    assert front.result is not None


def test_a_search_that_goes_on_shows_the_front_it_has(api: Caller) -> None:
    run = claimed(api.stores, submitted(api.stores, SPEC))
    with pytest.raises(UsageError, match="search_not_finished|has a front once") as caught:
        target_front(api.stores, "local", run.id, 1)
    assert caught.value.code == "search_not_finished"
    api.stores.fronts.save_front(run.lease, 0, measured_here().model_dump_json())
    front = target_front(api.stores, "local", run.id, 1)
    assert (front.result, front.references) == (None, ())
    assert front.target.networks == networks()


def test_what_is_not_there_and_what_is_anothers_look_alike(api: Caller) -> None:
    search = finished(api.stores)
    profile = api.stores.jobs.submit("local", JobRequest(JobKind.PROFILE, {}))
    for tenant, name, number, code in (
        ("local", "none", 1, "unknown_job"),
        ("other", search, 1, "unknown_job"),
        ("local", profile.id, 1, "unknown_job"),
        ("local", search, 2, "unknown_target"),
    ):
        with pytest.raises(UsageError) as caught:
            target_front(api.stores, tenant, name, number)
        assert caught.value.code == code
