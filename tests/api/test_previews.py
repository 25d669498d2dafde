"""What a search would cost, asked of a service."""

import json
from pathlib import Path

import pytest

from api.previews import likely_table
from nas.settings import Settings
from nas.specs import ContextSpec
from nas.store.stores import opened_stores
from search_spaces.slot_tables import distinct_layers
from tests.api.handmade import SPACE, lookup_table, saved_table
from tests.api.served import DIGITS, Caller, code, new_key, served

ASKED = "/v1/searches/preview"


def test_a_preview_of_an_empty_home_says_what_is_to_be_done(api: Caller) -> None:
    answer = api.post(ASKED, {**DIGITS, "targets": [{"limits": {"latency_ms": 1.0}}]})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [phase["name"] for phase in found["phases"]][:2] == ["profile", "train"]
    assert found["total_seconds"] > 0
    assert found["disk_bytes"] > 0
    assert (found["num_confirm_images"], found["training"]) == (539, "modelled")
    (target,) = found["targets"]
    assert target["num_layers_missing"] == target["num_layers"] == len(distinct_layers(SPACE))
    assert target["outlook"] == {
        "state": "unknown",
        "share": None,
        "binding": [],
        "reachable": {},
        "message": "",
    }
    assert api.stores.jobs.page("local").jobs == ()


def test_a_preview_tells_the_binding_limit(tmp_path: Path) -> None:
    saved_table(tmp_path, lookup_table())
    with served(tmp_path) as api:
        found = api.post(ASKED, {**DIGITS, "targets": [{"limits": {"latency_ms": 1e-4}}, {}]}).json()
    tight, free = found["targets"]
    assert tight["outlook"]["state"] == "infeasible"
    assert tight["outlook"]["binding"] == ["latency_ms"]
    assert tight["outlook"]["reachable"]["latency_ms"] > 1e-4
    assert "the nearest reachable value is" in tight["outlook"]["message"]
    assert (free["outlook"]["state"], free["num_layers_missing"]) == ("feasible", 0)
    assert found["share_within_limits"] == [0.0, 1.0]


def test_a_registered_data_set_says_what_is_wrong_with_it(api: Caller) -> None:
    stores, checked = api.stores, {"dataset": {"name": "stored", "id": "mine"}}
    stores.datasets.add("local", "mine", {"name": "digits"})
    assert code(api.post(ASKED, checked)) == (409, "dataset_not_ready")
    report = {
        "digest": "d" * 64,
        "class_names": ["a", "b"],
        "num_channels": 3,
        "num_images": {"train": 80, "select": 20, "confirm": 21, "test": 9},
        "cross_fitted": True,
        "warnings": [{"code": "imbalanced", "message": "add images"}],
    }
    (claim,) = stores.queue.claim("tests", limit=1)
    dataset = stores.datasets.get("local", "mine")
    stores.datasets.judge(claim.lease, dataset.id, "ready", report, "d" * 64)
    found = api.post(ASKED, checked).json()
    assert found["num_confirm_images"] == 41
    assert found["warnings"] == report["warnings"]
    assert code(api.post(ASKED, {"dataset": {"name": "stored", "id": "other"}})) == (404, "unknown_dataset")


def test_shapes_are_counted_as_they_would_be_drawn(api: Caller) -> None:
    shapes = {"name": "shapes", "num_train": 500, "num_validation": 2_000, "num_classes": 5}
    assert api.post(ASKED, {"dataset": shapes}).json()["num_confirm_images"] == 1_000


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "invalid_request")),
        ({"dataset": {"name": "arrays", "path": "x.npz"}}, (422, "invalid_request")),
        ({**DIGITS, "space": {"name": "none"}}, (404, "unknown_space")),
        ({**DIGITS, "targets": []}, (422, "invalid_request")),
        ({**DIGITS, "more": 1}, (422, "invalid_request")),
    ],
)
def test_what_cannot_be_searched_is_refused(
    api: Caller, body: dict[str, object], expected: tuple[int, str]
) -> None:
    assert code(api.post(ASKED, body)) == expected


def test_whoever_may_read_may_ask(api: Caller) -> None:
    def status(scope: str) -> int:
        key = new_key(api.stores, [scope])
        return api.client.post(ASKED, json=DIGITS, headers={"authorization": f"Bearer {key}"}).status_code

    assert (status("read"), status("submit")) == (200, 403)


def test_the_table_of_this_machine_comes_before_newer_ones_of_others(tmp_path: Path) -> None:
    own, other = lookup_table(), lookup_table("Another CPU")
    with opened_stores(Settings(home=tmp_path)) as stores:
        assert not likely_table(stores, ContextSpec()).entries
        saved_table(tmp_path, other)
        assert likely_table(stores, ContextSpec()).device == other.device
        saved_table(tmp_path, own)
        saved_table(tmp_path, lookup_table("A third CPU"))
        assert likely_table(stores, ContextSpec()).device == own.device
        assert not likely_table(stores, ContextSpec(precision="int8")).entries
        assert not likely_table(stores, ContextSpec(threads=2)).entries


def test_a_damaged_table_counts_as_none(tmp_path: Path) -> None:
    saved_table(tmp_path, lookup_table())
    for path in (tmp_path / "artifacts").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(json.dumps({}).encode())
    with opened_stores(Settings(home=tmp_path)) as stores:
        assert not likely_table(stores, ContextSpec()).entries
