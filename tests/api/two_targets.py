"""A finished search whose two targets, fp32 and int8, have verified the same networks, as other files."""

import hashlib
from dataclasses import asdict, replace
from typing import Any

from latency_predictors.device import host_context
from nas.job_records import JobRequest
from nas.jobs import JobKind, Succeeded
from nas.results import Delivery, TargetResult, VerifiedNetwork
from nas.specs import SearchSpec, parse_spec
from nas.store.stores import Stores
from search_spaces.base import architecture_digest
from tests.api.handmade import FRONT, SPACE, claimed, network, result, target
from tests.api.routes.conftest import ARCHITECTURE, exported_file

SPEC = parse_spec(
    {
        "dataset": {"name": "digits"},
        "targets": [
            {"limits": {"latency_ms": 1.0}},
            {"context": {"precision": "int8"}, "limits": {"latency_ms": 1.0}},
        ],
        "references": ["resnet"],
    }
)
FILES = (exported_file(0), exported_file(1))
"""Of each target, for all of its networks."""

SHA256 = tuple(hashlib.sha256(content).hexdigest() for content in FILES)
NAME = "net-ccc333"
"""The most accurate for both targets; the second one is faster there."""

ONLY_SECOND = "net-fff666"


def written_twice(stores: Stores, **second: Any) -> str:
    """Write the search with its rows, the second target with other fields; return its identifier."""
    document = SPEC.model_dump(mode="json")
    document["targets"][1] |= second
    spec = parse_spec(document)
    run = claimed(stores, stores.jobs.submit("local", JobRequest(JobKind.SEARCH, document, "digits")))
    targets = tuple(_target(spec, number) for number in range(2))
    deliveries = tuple(
        Delivery(
            name=NAME, target=number, folder=f"exports/{NAME}-{number}", why=f"why {number}", test_uses=1
        )
        for number in range(2)
    )
    for content in FILES:
        stores.artifacts.put(content)
    found = result(run.id, *targets, spec=spec)
    run.save_result(found.model_copy(update={"deliveries": deliveries}))
    for number, one in enumerate(targets):
        stores.fronts.save_front(run.lease, number, one.model_dump_json())
        stores.fronts.add_export(run.lease, f"{NAME}-{number}", "onnx", SHA256[number], {"target": number})
    stores.queue.settle(run.lease, Succeeded())
    return run.id


def _target(spec: SearchSpec, number: int) -> TargetResult:
    asked = spec.targets[number]
    context = replace(host_context(), precision=asked.context.precision)
    known = {"target": asked, "context": asdict(context), "context_label": context.label}
    return target(*_networks(number)).model_copy(update=known)


def _networks(number: int) -> list[VerifiedNetwork]:
    facts = {
        "file_sha256": SHA256[number],
        "file_bytes": len(FILES[number]),
        "architecture_digest": architecture_digest(SPACE, ARCHITECTURE),
    }
    front = [network(one.name, one.accuracy.value, one.latency.median_ms / (1 + number)) for one in FRONT]
    more = [network(ONLY_SECOND, 0.90, 0.30, "dominated")] if number else []
    return [one.model_copy(update=facts) for one in (*front, *more)]
