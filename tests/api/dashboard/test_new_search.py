from pathlib import Path
from typing import Any

import httpx2

from tests.api.dashboard.browsing import HTML, browse, elements, sound
from tests.api.handmade import SPEC, submitted
from tests.api.served import Caller, served

FORM = {
    "space": "mobilenet_v3/tiny",
    "dataset": "digits",
    "search.objectives": ["accuracy", "latency_ms"],
    "export.formats": ["onnx"],
    "budget.wall_minutes": "5",
    "seed": "0",
}


def send(api: Caller, **changes: Any) -> httpx2.Response:
    """Send the form, like a browser."""
    data = {**FORM, **{name.replace("__", "."): value for name, value in changes.items()}}
    return api.client.post(
        "/searches/new", data=data, headers=api.headers({"accept": HTML}), follow_redirects=False
    )


def test_the_form_shows_what_a_search_would_take_and_how_else_to_ask_for_it(api: Caller) -> None:
    text = sound(browse(api, "/searches/new"))
    for told in (
        "Most accurate under 20 ms",
        "layers are still to be measured",
        "# hwnas search",
        "curl -sS",
        "No limits: every network may be taken",
    ):
        assert told in text
    assert "Something is wrong" not in text


def test_a_form_becomes_a_search_once_however_often_it_is_sent(api: Caller) -> None:
    answers = [send(api, do="submit", key="k1", targets__0__limits__latency_ms="2.5") for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    search = api.get("/v1" + answers[0].headers["location"]).json()
    assert search["spec"]["targets"][0]["limits"] == {"latency_ms": 2.5}
    assert search["spec"]["budget"] == {"wall_minutes": 5.0}


def test_who_goes_back_and_changes_the_form_means_another_search(api: Caller) -> None:
    first, second = (send(api, do="submit", key="k1", seed=seed) for seed in ("1", "2"))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"] != second.headers["location"]


def test_the_form_queues_no_more_than_a_tenant_may(tmp_path: Path) -> None:
    with served(tmp_path / "home", max_open_jobs=1) as api:
        assert send(api, do="submit").status_code == 303
        answer = send(api, do="submit")
        assert answer.status_code == 422
        assert "too_many_jobs" in sound(answer)


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(api: Caller) -> None:
    answer = send(api, do="submit", targets__0__limits__latency_ms='"><script>alert(1)</script>')
    assert answer.status_code == 422
    text = sound(answer)
    assert 'href="#targets-0-limits-latency_ms"' in text
    field = next(at for _, at in elements(text) if at.get("id") == "targets-0-limits-latency_ms")
    assert field["value"] == '"><script>alert(1)</script>'
    assert field["aria-invalid"] == "true"
    assert "<script>alert" not in text
    assert api.get("/v1/searches").json()["items"] == []


def test_looking_submits_nothing_and_buttons_change_the_form(api: Caller) -> None:
    assert send(api, do="preview").status_code == 200
    assert "latency_ms: 20.0" in sound(send(api, do="wish:fast"))
    two = sound(send(api, do="add:target"))
    assert "Target 2" in two
    assert "Target 2" not in sound(send(api, do="drop:0", num_targets="2"))
    assert api.get("/v1/searches").json()["items"] == []


def test_a_data_set_that_is_not_there_is_named(api: Caller) -> None:
    text = sound(send(api, do="submit", dataset="stored:gone"))
    assert "unknown_dataset" in text


def test_an_earlier_search_is_asked_for_again(api: Caller) -> None:
    job = submitted(api.stores, SPEC)
    text = sound(browse(api, f"/searches/new?like={job.id}"))
    field = next(at for _, at in elements(text) if at.get("id") == "targets-0-limits-latency_ms")
    assert field["value"] == "1"
    assert browse(api.as_("admin", tenant="other"), f"/searches/new?like={job.id}").status_code == 404


def test_who_may_only_read_is_told_so(api: Caller) -> None:
    assert browse(api.as_("read"), "/searches/new").status_code == 403


def test_a_form_is_for_pages_alone_and_not_from_elsewhere(api: Caller) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert api.client.post("/v1/searches", content="a=1", headers=api.headers(kind)).status_code == 415
    api.client.get(f"/login?token={api.app.state.service.links.make()}", follow_redirects=False)
    hostile = api.client.post("/searches/new", data=FORM, headers={"sec-fetch-site": "cross-site"})
    assert hostile.status_code == 403
