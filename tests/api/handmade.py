"""A finished search, written by hand: five verified networks, three on the front, and a stock network."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from latency_predictors.calibration import calibrate
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.table_entry import Entry, SessionValue
from nas.job_records import Job, JobRequest
from nas.jobs import JobKind, Outcome, Released, Succeeded
from nas.results import (
    Accuracy,
    CloudPoint,
    Delivery,
    Figure,
    Latency,
    PhaseTime,
    SearchResult,
    Status,
    SupernetSummary,
    TableSummary,
    TargetResult,
    VerifiedNetwork,
)
from nas.settings import Settings
from nas.specs import SearchSpec, parse_spec
from nas.store.job_run import JobRun, StoredJob
from nas.store.stores import Stores, opened_stores
from search_spaces.base import option_values, space_digest
from search_spaces.catalogue import get_space
from search_spaces.sampling import as_architecture, smallest
from search_spaces.slot_tables import distinct_layers

SPACE = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)
SMALLEST = option_values(SPACE, as_architecture(smallest(SPACE)[0]))
SPEC = parse_spec(
    {"dataset": {"name": "digits"}, "targets": [{"limits": {"latency_ms": 1.0}}], "references": ["resnet"]}
)


def network(
    name: str,
    accuracy: float,
    latency_ms: float,
    status: Status = "front",
    num_params: int = 20_000,
    origin: str = "search",
) -> VerifiedNetwork:
    """One network; its latency's interval reaches 5 % to both sides."""
    return VerifiedNetwork.model_validate(
        {
            "name": name,
            "origin": origin,
            "architecture": SMALLEST if origin == "search" else {},
            "architecture_digest": "a" * 64,
            "resolution": 16,
            "num_params": num_params,
            "num_macs": 200_000,
            "peak_memory_bytes": 18_432,
            "file_sha256": "b" * 64,
            "file_bytes": 90_000,
            "max_difference": 1e-6,
            "accuracy": Accuracy(
                value=accuracy,
                lower=accuracy - 0.01,
                upper=min(accuracy + 0.01, 1.0),
                num_images=360,
                part="confirm",
            ),
            "latency": Latency(
                median_ms=latency_ms,
                lower_ms=0.95 * latency_ms,
                upper_ms=1.05 * latency_ms,
                p90_ms=1.1 * latency_ms,
                sessions=("s1", "s2"),
            ),
            "predicted_accuracy": Figure(
                value=accuracy, lower=accuracy - 0.02, upper=accuracy + 0.02, kind="fitted"
            ),
            "predicted_latency": Figure(
                value=latency_ms, lower=0.9 * latency_ms, upper=1.1 * latency_ms, kind="table"
            ),
            "status": status,
        }
    )


def target(*networks: VerifiedNetwork) -> TargetResult:
    """What was found for one device."""
    return TargetResult(
        target=SPEC.targets[0],
        device={"cpu_model": "Test CPU"},
        device_label="Test CPU, 2 cores",
        context=asdict(host_context()),
        context_label="onnxruntime 1.0, fp32, 1 thread, batch 1",
        table=TableSummary(
            num_layers=139, num_measured_now=0, median_spread=0.02, sessions=("s1",), report={}
        ),
        networks=networks,
        cloud=(CloudPoint(accuracy=0.97, latency_ms=0.3),),
        num_evaluated=20_000,
        num_rounds=2,
        stopped="no unverified candidate reaches the front",
    )


FRONT = (
    network("net-aaa111", 0.95, 0.10),
    network("net-bbb222", 0.97, 0.20),
    network("net-ccc333", 0.99, 0.40),
)
# Dominated in accuracy and latency, but the only one with so few parameters.
LEAN = network("net-ddd444", 0.94, 0.30, "dominated", num_params=9_000)
OVER = network("net-eee555", 0.995, 1.20, "over_limit")
STOCK = network("resnet", 0.96, 0.80, "dominated", origin="reference")


def result(search_id: str, *targets: TargetResult, spec: SearchSpec = SPEC) -> SearchResult:
    """The document of a finished search."""
    return SearchResult(
        id=search_id,
        spec=spec,
        started_at="2026-01-02T03:04:05+00:00",
        finished_at="2026-01-02T03:08:05+00:00",
        dataset={"num_channels": 1},
        dataset_digest="c" * 64,
        class_names=tuple("0123456789"),
        supernet=SupernetSummary(
            key="k", recipe="default", epochs=30, num_params=500_000, train_seconds=100.0, reused=False
        ),
        predictor={"spearman": 0.9},
        targets=targets or (target(*FRONT, LEAN, OVER),),
        references=(STOCK,),
        deliveries=(
            Delivery(
                name="net-ccc333",
                target=0,
                folder="exports/net-ccc333",
                why="the most accurate",
                test_uses=1,
            ),
        ),
        phases=(PhaseTime(name="train", seconds=100.0), PhaseTime(name="verify", seconds=35.0)),
        versions={"hwnas": "0.1.0"},
    )


def submitted(stores: Stores, spec: SearchSpec) -> Job:
    """A search that is queued."""
    request = JobRequest(JobKind.SEARCH, spec.model_dump(mode="json"), spec.dataset.name)
    return stores.jobs.submit("local", request)


def claimed(stores: Stores, job: Job) -> JobRun:
    """The running attempt of a queued job; others stay queued."""
    claims = {claim.lease.job_id: claim for claim in stores.queue.claim("handmade", limit=100)}
    mine = claims.pop(job.id)
    for other in claims.values():
        stores.queue.settle(other.lease, Released())
    return stores.run(mine)


def finished_search(
    home: Path, *targets: TargetResult, seed: int = 0, files: Sequence[bytes] = ()
) -> StoredJob:
    """Write a finished search, and its exported files, into a home folder; another seed is another search."""
    spec = SPEC.model_copy(update={"seed": seed})
    with opened_stores(Settings(home=home)) as stores:
        run = claimed(stores, submitted(stores, spec))
        for content in files:
            stores.artifacts.put(content)
        run.save_result(result(run.id, *targets, spec=spec))
        stores.queue.settle(run.lease, Succeeded())
        return run.stored


def unfinished_search(home: Path, *phases: str, spec: SearchSpec = SPEC, end: Outcome | None = None) -> Job:
    """Write a search that has finished some phases; its attempt goes on, or has ended somehow."""
    with opened_stores(Settings(home=home)) as stores:
        run = claimed(stores, submitted(stores, spec))
        for phase in phases:
            run.save(phase, spec)
        if end is not None:
            stores.queue.settle(run.lease, end)
        return stores.jobs.get("local", run.id)


def lookup_table(cpu_model: str | None = None) -> LookupTable:
    """A table of this machine (or of another) that is complete and calibrated for `SPACE`.

    Every layer was measured at 0.010 and at 0.012 ms; five networks of 4 to 20 layers ran just as long as the
    sum of their layers says.
    """
    device = host_device() if cpu_model is None else replace(host_device(), cpu_model=cpu_model)
    entries = {}
    for spec in distinct_layers(SPACE):
        values = tuple(
            SessionValue(
                session_id=name, measured_at=f"{day}T00:00:00+00:00", median_ms=median, suspect=False
            )
            for name, day, median in (("first", "2026-01-02", 0.010), ("second", "2026-01-03", 0.012))
        )
        entries[layer_key(spec)] = Entry(
            signature=spec.signature(), values=values, median_ms=0.011, rel_sd=0.1
        )
    points = [
        CalibrationPoint(
            digest=str(n),
            sum_ms=0.011 * n,
            num_layers=n,
            num_macs=1_000 * n,
            measured_ms=0.011 * n,
            rel_sd=0.01,
        )
        for n in (4, 8, 12, 16, 20)
    ]
    table = LookupTable(device=device, context=host_context(), entries=entries)
    return table.with_correction(space_digest(SPACE), calibrate(points))


def calm_today(table: LookupTable) -> LookupTable:
    """The same table, but that all its sessions agree and are of today: no layer is in doubt, none is due."""
    now = datetime.now(UTC).isoformat()
    entries = {
        key: entry.model_copy(
            update={
                "values": tuple(
                    one.model_copy(update={"measured_at": now, "median_ms": entry.median_ms})
                    for one in entry.values
                )
            }
        )
        for key, entry in table.entries.items()
    }
    return table.model_copy(update={"entries": entries})


def saved_table(home: Path, table: LookupTable) -> None:
    """Publish a table, as the profile of a device does."""
    with opened_stores(Settings(home=home)) as stores:
        run = claimed(stores, stores.jobs.submit("local", JobRequest(JobKind.PROFILE, {})))
        stores.tables.publish(run.lease, table)
        stores.queue.settle(run.lease, Succeeded())
