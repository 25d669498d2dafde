from api.dashboard import searches
from tests.api.dashboard.browsing import browse, elements, sound
from tests.api.dashboard.searched import failed_search, running_search
from tests.api.routes.conftest import Finished
from tests.api.served import DIGITS, Caller


def test_the_front_door_leads_to_the_searches(api: Caller) -> None:
    assert browse(api, "/").headers["location"] == "/searches"


def test_an_empty_list_says_what_to_do(api: Caller) -> None:
    text = sound(browse(api, "/searches"))
    assert "No searches yet" in text
    assert 'href="/searches/new"' in text
    assert "/searches/new" not in [
        at.get("href")
        for _, at in elements(browse(api.as_("read"), "/searches").text)
        if "button" in at.get("class", "")
    ]


def test_searches_are_listed_for_their_tenant_only(api: Caller) -> None:
    search = api.post("/v1/searches", DIGITS).json()["id"]
    assert search in sound(browse(api, "/searches"))
    assert search not in sound(browse(api.as_("read", tenant="other"), "/searches"))


def test_a_row_says_state_target_limit_and_the_best_within_it(finished: Finished) -> None:
    failed = failed_search(finished.api.stores)
    running_search(finished.api.stores)
    text = sound(browse(finished.api, "/searches"))
    for told in (
        "succeeded",
        "latency ≤ 1 ms",
        "<strong>99.0 %</strong> at 0.400 ms</a>",
        "3 points",
        "loss_not_finite",
    ):
        assert told in text
    assert f'href="/searches/{failed.id}"' in text
    assert "just now" in text
    assert 'href="/compare"' in text
    # One of the three still changes.
    assert text.count("<tr data-changes>") == 1


def test_filters_are_in_the_address(api: Caller) -> None:
    failed = failed_search(api.stores)
    other = api.post("/v1/searches", {"dataset": {"name": "shapes"}}).json()["id"]
    only_failed = sound(browse(api, "/searches?state=failed&state=parked"))
    assert failed.id in only_failed
    assert other not in only_failed
    checked = [at["value"] for _, at in elements(only_failed) if "checked" in at]
    assert checked == ["failed", "parked"]
    shapes = sound(browse(api, "/searches?dataset=shapes"))
    assert other in shapes
    assert failed.id not in shapes
    assert "No search is like that" in sound(browse(api, "/searches?dataset=%3Cscript%3E"))
    for filters in ("device=host&space=mobilenet_v3", "space=mobilenet_v3"):
        assert other in sound(browse(api, f"/searches?{filters}"))
    text = sound(browse(api, "/searches?device=pi5"))
    assert "No search is like that" in text
    assert "<option>host</option>" in text
    assert "<option selected>pi5</option>" in text


def test_older_searches_are_on_pages_that_keep_the_filters(api: Caller) -> None:
    for seed in range(searches.ROWS + 1):
        api.post("/v1/searches", {**DIGITS, "seed": seed})
    text = sound(browse(api, "/searches?state=queued"))
    older = next(at["href"] for _, at in elements(text) if "cursor=" in at.get("href", ""))
    assert older.startswith("/searches?state=queued&cursor=")
    second = sound(browse(api, older))
    assert second.count('<th scope="row">') == 1
    assert 'href="/searches?state=queued"' in second
