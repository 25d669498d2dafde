import re

from nas.jobs import Released
from tests.api.dashboard.browsing import browse, sound
from tests.api.dashboard.searched import (
    cancelled_search,
    failed_search,
    infeasible_search,
    parked_search,
    running_search,
    waiting_search,
)
from tests.api.handmade import SPEC, claimed, submitted
from tests.api.routes.conftest import Finished
from tests.api.served import Caller


def test_a_running_search_shows_phases_curves_costs_and_log_without_a_script(api: Caller) -> None:
    run = running_search(api.stores)
    text = sound(browse(api, f"/searches/{run.id}"))
    for told in (
        "Train the supernet",
        "round 2: searching",
        "phase verify",
        "1 min 40 s",
        "250 mWh",
        "Cancel",
    ):
        assert told in text
    assert text.count('<svg class="static"') == 3
    assert f'data-events="/v1/searches/{run.id}/events"' in text
    assert re.search(r'data-after="\d+"', text)
    assert "data-settled" not in text


def test_a_finished_search_leads_to_its_files(finished: Finished) -> None:
    text = sound(browse(finished.api, f"/searches/{finished.search}"))
    (export,) = finished.api.stores.fronts.exports("local", finished.search)
    assert f'href="/v1/exports/{export.id}/file"' in text
    assert "data-settled" in text
    assert ">Cancel<" not in text


def test_whatever_went_wrong_says_what_to_do(api: Caller) -> None:
    failed = failed_search(api.stores, "<script>alert(1)</script> in epoch 3")
    for job, told in (
        (failed, "Change what is named above"),
        (infeasible_search(api.stores), "nearest reachable value is 1.7"),
        (waiting_search(api.stores), "It goes on by itself"),
        (cancelled_search(api.stores), "Submit it again where you want it"),
        (submitted(api.stores, SPEC), "A worker takes it"),
    ):
        assert told in sound(browse(api, f"/searches/{job.id}"))
    assert "<code>hwnas worker</code>" in browse(api, f"/searches/{submitted(api.stores, SPEC).id}").text
    assert 'href="/errors/loss_not_finite"' in browse(api, f"/searches/{failed.id}").text
    text = browse(api, f"/searches/{failed.id}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; in epoch 3" in text
    assert "<script>alert" not in text


def test_a_search_whose_device_has_vanished_says_so_and_what_to_do(api: Caller) -> None:
    run = claimed(api.stores, submitted(api.stores, SPEC))
    run.bind("d" * 64)
    api.stores.queue.settle(run.lease, Released())
    assert api.stores.queue.tell_away([]) == [run.id]
    text = sound(browse(api, f"/searches/{run.id}"))
    assert 'It does not go on: <a href="/errors/device_away"><code>device_away</code></a>' in text
    assert text.count("where no worker lives: start <code>hwnas worker</code> there") == 2
    assert "A worker takes it as soon as it can" not in text


def test_a_button_cancels_and_comes_back(api: Caller) -> None:
    job = submitted(api.stores, SPEC)
    answer = api.client.post(f"/searches/{job.id}/cancel", headers=api.headers({}), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/searches/{job.id}")
    assert api.stores.jobs.get("local", job.id).state == "cancelled"
    again = api.client.post(f"/searches/{job.id}/cancel", headers=api.headers({"accept": "text/html"}))
    assert again.status_code == 409
    assert "has ended already" in sound(again)


def test_a_parked_search_is_resumed_by_a_button(api: Caller) -> None:
    job = parked_search(api.stores)
    page = browse(api, f"/searches/{job.id}")
    assert ">Resume<" not in sound(browse(api.as_("read"), f"/searches/{job.id}"))
    assert ">Resume<" in sound(page)
    assert "image 7 ends whoever reads it" in page.text
    path = f"/searches/{job.id}/resume"
    answer = api.client.post(path, headers=api.headers({}), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/searches/{job.id}")
    assert api.stores.jobs.get("local", job.id).state == "queued"
    assert ">Resume<" not in sound(browse(api, f"/searches/{job.id}"))


def test_who_may_only_read_sees_no_buttons(api: Caller) -> None:
    job = submitted(api.stores, SPEC)
    text = sound(browse(api.as_("read"), f"/searches/{job.id}"))
    assert "<button" not in text
    assert "Search again" not in text


def test_a_foreign_search_is_not_there(api: Caller) -> None:
    job = submitted(api.stores, SPEC)
    assert browse(api.as_("admin", tenant="other"), f"/searches/{job.id}").status_code == 404
    assert browse(api, "/searches/none").status_code == 404
