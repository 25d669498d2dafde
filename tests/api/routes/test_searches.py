import csv
import io
import threading

from nas.jobs import JobState
from nas.store.dataset_store import DatabaseDatasetStore
from nas.store.front_store import StoredCandidate
from tests.api.dashboard.searched import parked_search
from tests.api.handmade import SPEC, claimed, submitted
from tests.api.routes.conftest import Finished
from tests.api.served import DIGITS, Caller, code


def test_a_search_is_taken_in_and_found_again(api: Caller) -> None:
    answer = api.post("/v1/searches", DIGITS)
    assert answer.status_code == 202
    shown = api.get(answer.headers["location"]).json()
    assert shown["id"] == answer.json()["id"]
    assert (shown["state"], shown["owner"], shown["finished_at"], shown["error"]) == (
        "queued",
        "tests",
        None,
        None,
    )
    assert shown["spec"]["dataset"] == {"name": "digits"}
    assert api.get(answer.headers["location"]).headers["retry-after"]
    assert api.stores.audit.last("local")[0].action == "search.submit"


def test_the_same_key_with_the_same_body_is_the_same_search(api: Caller) -> None:
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(api.post("/v1/searches", DIGITS, idempotency_key="a")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len(api.get("/v1/searches").json()["items"]) == 1
    other = api.post("/v1/searches", {**DIGITS, "seed": 1}, idempotency_key="a")
    assert code(other) == (422, "idempotency_conflict")


def test_pages_stand_still_while_searches_come(api: Caller) -> None:
    ids = [api.post("/v1/searches", {**DIGITS, "seed": seed}).json()["id"] for seed in range(5)]
    first = api.get("/v1/searches?limit=2").json()
    api.post("/v1/searches", {**DIGITS, "seed": 9})
    rest = api.get(f"/v1/searches?limit=200&cursor={first['next_cursor']}").json()
    assert [one["id"] for one in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert code(api.get("/v1/searches?cursor=nonsense")) == (400, "invalid_cursor")


def test_searches_are_listed_by_state(api: Caller) -> None:
    search_id = api.post("/v1/searches", DIGITS).json()["id"]
    api.post(f"/v1/searches/{search_id}/cancel")
    assert len(api.get("/v1/searches?state=cancelled&state=failed").json()["items"]) == 1
    assert api.get("/v1/searches?state=queued").json()["items"] == []
    assert code(api.get("/v1/searches?state=nonsense")) == (422, "invalid_request")


def test_searches_are_listed_by_device_and_space(api: Caller) -> None:
    by_space = {}
    for name in ("mobilenet_v3", "nas_bench_201"):
        sent = {**DIGITS, "space": {"name": name, "preset": "tiny"}}
        by_space[name] = api.post("/v1/searches", sent).json()["id"]

    def listed(query: str, caller: Caller = api) -> list[str]:
        return [one["id"] for one in caller.get(f"/v1/searches?{query}").json()["items"]]

    assert listed("space=nas_bench_201") == [by_space["nas_bench_201"]]
    assert listed("device=host&space=mobilenet_v3&state=queued") == [by_space["mobilenet_v3"]]
    assert set(listed("device=host")) == set(by_space.values())
    assert listed("device=host", api.as_("read", tenant="other")) == listed("device=pi5") == []
    first = api.get("/v1/searches?device=host&limit=1").json()
    api.post("/v1/searches", DIGITS)
    rest = api.get(f"/v1/searches?device=host&cursor={first['next_cursor']}").json()
    assert [one["id"] for one in first["items"] + rest["items"]] == list(by_space.values())[::-1]


def test_a_search_that_has_ended_is_not_cancelled_again(api: Caller) -> None:
    path = "/v1/searches/" + api.post("/v1/searches", DIGITS).json()["id"]
    assert api.post(f"{path}/cancel").json()["state"] == JobState.CANCELLED
    assert code(api.post(f"{path}/cancel")) == (409, "job_ended")


def test_a_parked_search_is_resumed_once(api: Caller) -> None:
    job = parked_search(api.stores)
    path = f"/v1/searches/{job.id}"
    assert api.get(path).json()["state"] == "parked"
    answer = api.post(f"{path}/resume")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert api.get(path).json()["state"] == "queued"
    assert api.stores.audit.last("local")[0].action == "search.resume"
    assert code(api.post(f"{path}/resume")) == (409, "job_not_parked")


def test_events_come_as_json_and_as_a_stream(api: Caller) -> None:
    path = "/v1/searches/" + api.post("/v1/searches", DIGITS).json()["id"]
    api.post(f"{path}/cancel")
    page = api.get(f"{path}/events").json()
    assert [one["kind"] for one in page["items"]] == ["queued", "cancelled"]
    assert page["settled"]
    assert [one["kind"] for one in api.get(f"{path}/events?after=1").json()["items"]] == ["cancelled"]
    said = api.get(f"{path}/events", accept="text/event-stream", last_event_id="1").text
    assert "event: cancelled" in said
    assert "event: queued" not in said
    assert code(api.get("/v1/searches/none/events", accept="text/event-stream")) == (404, "unknown_job")


def test_a_front_shows_measured_beside_predicted(finished: Finished) -> None:
    front = finished.api.get(f"/v1/searches/{finished.search}/front").json()
    assert [one["name"] for one in front["networks"]] == ["net-aaa111", "net-bbb222", "net-ccc333"]
    assert front["limits"] == {"latency_ms": 1.0}
    assert (front["device_name"], front["statistic"], front["pause_ms"]) == ("host", "median", 0.0)
    assert {one["latency"]["kind"] for one in front["networks"]} == {"measured"}
    assert code(finished.api.get(f"/v1/searches/{finished.search}/front?target=2")) == (404, "unknown_target")


def test_a_search_without_a_front_says_so(api: Caller) -> None:
    path = "/v1/searches/" + api.post("/v1/searches", DIGITS).json()["id"]
    assert code(api.get(f"{path}/front")) == (409, "search_not_finished")


def test_every_candidate_is_on_one_page(finished: Finished) -> None:
    path, seen, cursor = f"/v1/searches/{finished.search}/candidates?limit=3", [], ""
    while cursor is not None:
        page = finished.api.get(path + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [(one["architecture_digest"], one["fidelity"]) for one in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 10
    lines = list(csv.DictReader(io.StringIO(finished.api.get(path.replace("?", ".csv?")).text)))
    assert [(line["architecture_digest"], line["fidelity"]) for line in lines] == seen
    assert lines[2]["latency_ms"] == "1"


def test_a_table_has_a_column_for_everything_that_any_candidate_has(api: Caller) -> None:
    job = submitted(api.stores, SPEC)
    path = f"/v1/searches/{job.id}/candidates.csv"
    assert api.get(path).text == "architecture_digest,fidelity\r\n"
    api.stores.fronts.add_candidates(
        claimed(api.stores, job).lease,
        [
            StoredCandidate(0, "a", "verified", {}, {"accuracy": 0.9}),
            StoredCandidate(
                0, "b", "verified", {"resolution": 16}, {"accuracy": 0.8, "latency_suspect": True}
            ),
        ],
    )
    lines = api.get(path).text.splitlines()
    assert lines[0] == "architecture_digest,fidelity,accuracy,latency_suspect,resolution"
    assert lines[1:] == ["a,verified,0.9,,", "b,verified,0.8,True,16"]


def test_a_target_that_a_search_has_not_is_unknown_everywhere(api: Caller) -> None:
    path = "/v1/searches/" + api.post("/v1/searches", DIGITS).json()["id"]
    for what in ("front", "candidates", "candidates.csv"):
        assert code(api.get(f"{path}/{what}?target=2")) == (404, "unknown_target")


def test_the_file_that_was_measured_comes_to_the_byte(finished: Finished) -> None:
    answer = finished.api.get(f"/v1/searches/{finished.search}/networks/net-bbb222/file")
    assert answer.content == finished.file
    assert answer.headers["etag"] == f'"{finished.sha256}"'
    assert 'filename="net-bbb222.onnx"' in answer.headers["content-disposition"]
    part = finished.api.get(f"/v1/searches/{finished.search}/networks/net-bbb222/file", range="bytes=10-19")
    assert (part.status_code, part.content) == (206, finished.file[10:20])
    unknown = finished.api.get(f"/v1/searches/{finished.search}/networks/none/file")
    assert code(unknown) == (404, "unknown_network")


def test_a_part_that_a_file_has_not_is_told_as_every_other_problem(finished: Finished) -> None:
    for asked in ("bytes=5-2", "bytes=abc", "lines=1-2", "nonsense", "bytes=9999999999-"):
        answer = finished.api.get(f"/v1/searches/{finished.search}/networks/net-bbb222/file", range=asked)
        assert code(answer) == (416, "invalid_range")
        assert answer.headers["content-range"] == f"bytes */{len(finished.file)}"


def test_nobody_from_outside_names_a_file_of_the_server(api: Caller) -> None:
    sent = {"dataset": {"name": "arrays", "path": "/etc/passwd"}}
    assert code(api.post("/v1/searches", sent)) == (422, "invalid_request")


def test_a_registered_data_set_is_searched_once_it_is_ready(api: Caller) -> None:
    datasets: DatabaseDatasetStore = api.stores.datasets
    datasets.add("local", "mine", {"name": "shapes", "num_classes": 4})
    sent = {"dataset": {"name": "stored", "id": "mine"}}
    assert code(api.post("/v1/searches", sent)) == (409, "dataset_not_ready")
    (claim,) = api.stores.queue.claim("w")
    datasets.judge(claim.lease, datasets.get("local", "mine").id, "ready", {}, "d" * 64)
    answer = api.post("/v1/searches", sent)
    assert api.get(answer.headers["location"]).json()["spec"]["dataset"]["num_classes"] == 4
    foreign = api.as_("admin", tenant="other").post("/v1/searches", sent)
    assert code(foreign) == (404, "unknown_dataset")
