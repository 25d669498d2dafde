from collections.abc import Mapping

from api.dashboard.datasets import MOST_LINES, facts_of
from nas.jobs import Succeeded
from tests.api.dashboard.browsing import browse, elements, sound
from tests.api.handmade import claimed
from tests.api.served import Caller

REPORT = {
    "digest": "d" * 64,
    "class_names": ["a", "b"],
    "num_channels": 1,
    "num_images": {"train": 1200, "select": 100, "confirm": 100, "test": 200},
    "cross_fitted": False,
    "warnings": [{"code": "few", "message": "few images of <b>"}],
}
"""Of a data set, as far as pages and previews look at it."""


def judged(api: Caller, name: str, state: str, report: Mapping[str, object]) -> str:
    """A data set that a worker has looked at; its identifier."""
    found = api.stores.datasets.add("local", name, {"name": "shapes"})
    run = claimed(api.stores, api.stores.jobs.get("local", found.job_id))
    digest = "d" * 64 if state == "ready" else ""
    api.stores.datasets.judge(run.lease, found.id, state, report, digest)  # type: ignore[arg-type]
    api.stores.queue.settle(run.lease, Succeeded())
    return found.id


def test_without_data_sets_the_page_says_what_there_is(api: Caller) -> None:
    text = sound(browse(api, "/datasets"))
    assert "No data sets of your own yet" in text
    assert 'data-to="/v1/datasets"' in text
    assert 'id="upload"' not in browse(api.as_("read"), "/datasets").text


def test_a_data_set_says_what_was_found_in_it(api: Caller) -> None:
    ready = judged(api, "mine & yours", "ready", REPORT)
    text = sound(browse(api, f"/datasets/{ready}"))
    assert "few images of &lt;b&gt;" in text
    assert "train: 1,200" in text
    assert "data-settled" in text
    links = [at.get("href") for _, at in elements(sound(browse(api, "/datasets")))]
    assert "/searches/new?dataset=mine%20%26%20yours" in links
    assert "mine &amp; yours" in sound(browse(api, "/searches/new?dataset=mine%20%26%20yours"))


def test_what_is_wrong_with_one_is_said_with_what_to_do(api: Caller) -> None:
    rejected = judged(api, "bad", "rejected", {"code": "too_few_images", "message": "2 images for 3 classes"})
    text = sound(browse(api, f"/datasets/{rejected}"))
    assert "too_few_images: 2 images for 3 classes" in text
    assert "upload it again" in text


def test_one_that_is_looked_at_is_watched(api: Caller) -> None:
    found = api.stores.datasets.add("local", "new", {"name": "shapes"})
    text = sound(browse(api, f"/datasets/{found.id}"))
    assert f'data-events="/v1/jobs/{found.job_id}/events"' in text
    assert "data-settled" not in text
    assert browse(api.as_("admin", tenant="other"), f"/datasets/{found.id}").status_code == 404


def test_long_lists_say_how_much_is_left_out() -> None:
    (fact,) = facts_of({"num_skipped": [{"path": str(n), "reason": "broken"} for n in range(MOST_LINES + 3)]})
    assert (fact.name, fact.values[0], len(fact.values), fact.more) == (
        "skipped",
        "path 0, reason broken",
        MOST_LINES,
        3,
    )
    assert [one.values[0] for one in facts_of({"a": 0.12345, "b": True, "c": [], "d": 1200})] == [
        "0.1235",
        "yes",
        "1,200",
    ]
