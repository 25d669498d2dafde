import json
import re

import pytest

from api.metrics import Metrics
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.store.counters import LEASE_LOSSES, MEASUREMENTS, PHASES_ENDED, Count, add_counts
from nas.store.operations import DatabaseOperations
from nas.store.session import open_engine, writing
from tests.api.served import DIGITS, Caller, code


def value(text: str, sample: str) -> float:
    """The value of the only sample whose line begins so."""
    (found,) = re.findall(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found)


def test_what_has_happened_is_told(api: Caller) -> None:
    for _ in range(2):
        api.post("/v1/searches", DIGITS)
    api.stores.jobs.submit("other", JobRequest(JobKind.EXPORT, {}))
    with writing(api.stores.engine) as connection:
        happened = [Count(LEASE_LOSSES, "stalled", 3), Count(MEASUREMENTS, times=7)]
        add_counts(connection, [*happened, Count(PHASES_ENDED, "train", 2, 90.5)])
    text = api.get("/metrics").text
    assert value(text, 'hwnas_jobs{kind="search",state="queued"}') == 2
    assert value(text, 'hwnas_jobs{kind="export",state="queued"}') == 1
    # Each there can be, also where there is none.
    assert value(text, 'hwnas_jobs{kind="profile",state="waiting"}') == 0
    assert text.count("hwnas_jobs{") == len(JobKind) * 4
    assert value(text, 'hwnas_lease_losses_total{fault="stalled"}') == 3
    assert value(text, "hwnas_measurements_total") == 7
    assert value(text, 'hwnas_phase_seconds_sum{phase="train"}') == 90.5
    assert value(text, 'hwnas_phase_seconds_count{phase="train"}') == 2
    assert value(text, "hwnas_database_up") == 1
    posted = 'hwnas_request_seconds_count{method="POST",route="/v1/searches",status="202"}'
    assert value(text, posted) == 2


def test_nothing_that_somebody_sent_is_in_them(api: Caller) -> None:
    api.get("/v1/searches/planted-name")
    api.get("/nowhere/planted-name")
    api.client.request("PLANTED", "/v1/searches")
    text = api.get("/metrics").text
    assert "planted" not in text.lower()
    assert 'route="/v1/searches/{search_id}",status="404"' in text


def test_they_are_told_while_the_database_is_away() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:9/none")
    text = Metrics(DatabaseOperations(engine)).text().decode()
    assert value(text, "hwnas_database_up") == 0
    assert "hwnas_jobs" not in text
    engine.dispose()


def test_a_key_for_watching_opens_nothing_else(api: Caller) -> None:
    watcher = api.as_("metrics")
    assert watcher.get("/metrics").status_code == 200
    assert code(watcher.get("/v1/searches")) == (403, "not_allowed")
    assert code(api.as_("read").get("/metrics")) == (403, "not_allowed")


def test_a_log_line_of_a_submitted_job_names_it(api: Caller, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "hwnas.requests"):
        job = api.post("/v1/searches", DIGITS).json()["id"]
    facts = [getattr(record, "facts", {}) for record in caplog.records]
    assert [one["job"] for one in facts if "job" in one] == [job]
    assert api.key not in json.dumps(facts)
