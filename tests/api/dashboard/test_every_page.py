"""What holds on every page of this service: hostile text stays text, and every address has its prefix."""

import json
from pathlib import Path

import pytest

from nas.job_records import JobRequest
from nas.jobs import Fault, Faulted, JobKind, Succeeded
from nas.store.stores import Stores
from tests.api.dashboard.browsing import browse, elements, sound
from tests.api.dashboard.searched import NETWORKS, step
from tests.api.handmade import SPEC, claimed
from tests.api.served import served

HOSTILE = """"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\x1b[31m"""


def hostile(value: object) -> object:
    """The same JSON with hostile text wherever there is text."""
    if isinstance(value, dict):
        return {name: hostile(one) for name, one in value.items()}
    if isinstance(value, list):
        return [hostile(one) for one in value]
    return HOSTILE if isinstance(value, str) else value


def hostile_search(stores: Stores) -> str:
    """A search of whose texts none is what it should be."""
    spec = hostile(json.loads(SPEC.model_dump_json()))
    assert isinstance(spec, dict)
    job = stores.jobs.submit("local", JobRequest(JobKind.SEARCH, spec, HOSTILE, HOSTILE))
    run = claimed(stores, job)
    step(stores, run, "train", 1, 10, HOSTILE)
    networks = [{**one, "name": HOSTILE} for one in NETWORKS]
    stores.results.report(run.lease, "verified", {"target": 1, "round": 1, "networks": networks})
    stores.results.report(run.lease, "message", {"text": HOSTILE})
    stores.fronts.add_export(run.lease, HOSTILE, "onnx", "a" * 64, {"why": HOSTILE})
    stores.queue.settle(run.lease, Faulted(Fault.BAD_DATA, "bad_data", HOSTILE))
    return job.id


def hostile_dataset(stores: Stores) -> str:
    """A data set likewise, rejected."""
    found = stores.datasets.add("local", HOSTILE, {"name": HOSTILE})
    run = claimed(stores, stores.jobs.get("local", found.job_id))
    report = {"code": HOSTILE, "message": HOSTILE, "warnings": [{"message": HOSTILE}], HOSTILE: [HOSTILE]}
    stores.datasets.judge(run.lease, found.id, "rejected", report)
    stores.queue.settle(run.lease, Succeeded())
    return found.id


@pytest.mark.parametrize("root", ["", "/behind"])
def test_hostile_text_stays_text_and_addresses_have_their_prefix(tmp_path: Path, root: str) -> None:
    with served(tmp_path / "home", root_path=root) as api:
        search, dataset = hostile_search(api.stores), hostile_dataset(api.stores)
        for path in (
            "/searches",
            f"/searches/{search}",
            "/searches/new",
            f"/searches/new?like={search}",
            "/datasets",
            f"/datasets/{dataset}",
        ):
            text = sound(browse(api, f"{root}{path}"))
            assert "<script>alert" not in text, path
            assert "{{ 7 * 7 }}" in text or path == "/searches/new", path
            for tag, attributes in elements(text):
                assert tag != "img", path
                for name in ("src", "href", "action", "data-events", "data-to"):
                    assert attributes.get(name, "#").startswith((f"{root}/", "#")) or not attributes[name], (
                        path
                    )
