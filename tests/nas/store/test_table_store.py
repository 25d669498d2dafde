"""Published tables: versions that never change, and nothing measured is dropped."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, insert, select

from latency_predictors.calibration import calibrate, refit
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction
from nas.jobs import JobKind, JobState
from nas.store.artifact_folder import ArtifactFolder
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_tables import corrections, sessions
from nas.store.session import reading, writing
from nas.store.table_store import DatabaseTableStore
from search_spaces.errors import ArtifactError
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.nas.store.measured import LAYERS, table_of
from tests.nas.store.queued import TENANT, running

WHERE = (DEVICE.digest, CONTEXT.digest)
SPACE = "c" * 64
TOLD = {"device": "a board", "exported_by": "Ann"}


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactFolder:
    """A folder of artifacts."""
    return ArtifactFolder(tmp_path / "artifacts")


@pytest.fixture
def tables(engine: Engine, artifacts: ArtifactFolder) -> DatabaseTableStore:
    """Tables in the database."""
    return DatabaseTableStore(engine, artifacts)


def correction(slope: float, numbers: range = range(1, 21), names: tuple[str, ...] = ()) -> Correction:
    """What whole networks gave."""
    rng = np.random.default_rng(0)
    points = [
        CalibrationPoint(
            digest=f"{n:064x}",
            sum_ms=n,
            num_layers=10 + n,
            num_macs=n * 1_000,
            measured_ms=slope * n * float(rng.uniform(0.98, 1.02)),
            rel_sd=0.01,
            session_ids=names,
        )
        for n in numbers
    ]
    return calibrate(points)


def test_what_is_published_is_read_again(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    assert tables.load(*WHERE) is None
    table = table_of("s1", "s2").with_correction(SPACE, correction(0.8))
    assert tables.publish(running(store, queue), table) == 1
    assert tables.load(*WHERE) == table
    assert tables.load(DEVICE.digest, "e" * 64) is None


def test_contexts_are_told_by_their_facts(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    assert tables.contexts() == {}
    tables.publish(running(store, queue), table_of("s1"))
    facts = tables.contexts()[CONTEXT.digest]
    assert (facts["runtime"], facts["threads"], facts["pause_ms"]) == (CONTEXT.runtime, CONTEXT.threads, 0.0)


def test_a_version_never_changes(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    lease = running(store, queue)
    first = table_of("s1")
    assert tables.publish(lease, first) == 1
    assert tables.publish(lease, first) == 1, "nothing new is no new version"
    second = table_of("s1", "s2")
    assert tables.publish(lease, second) == 2
    assert tables.load(*WHERE, version=1) == first
    assert tables.load(*WHERE) == second


def test_what_others_have_published_meanwhile_stays(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    lease = running(store, queue)
    tables.publish(lease, table_of("s1", layers=LAYERS[:3]))
    tables.publish(lease, table_of("s1", "s2", layers=LAYERS[2:]))
    found = tables.load(*WHERE)
    assert found is not None
    assert found.missing(LAYERS) == []
    assert sorted(entry.num_sessions for entry in found.entries.values()) == [1, 1, 2, 2]
    tables.publish(lease, table_of("s3"))
    kept = tables.load(*WHERE)
    assert kept is not None
    assert sorted(entry.num_sessions for entry in kept.entries.values()) == [1, 1, 2, 2]


def test_corrections_have_versions_of_their_own(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    lease = running(store, queue)
    fitted = [correction(slope) for slope in (0.8, 0.9)]
    for one in fitted:
        tables.publish(lease, table_of().with_correction(SPACE, one))
    tables.publish(lease, table_of())
    found = tables.load(*WHERE)
    assert found is not None
    assert found.corrections == {SPACE: fitted[-1]}


def test_the_networks_of_two_searches_on_one_space_are_joined(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    """Both begin with the same correction; the one that ends later does not drop what the other verified."""
    lease = running(store, queue)
    begun = correction(0.8)
    tables.publish(lease, table_of().with_correction(SPACE, begun))
    ends = []
    for name in ("a", "b"):
        found = [
            begun.points[n].model_copy(update={"digest": f"{name}{n}", "predicted_ms": (0.0, 100.0)})
            for n in range(3)
        ]
        ends.append(refit(begun, found))
        tables.publish(lease, table_of().with_correction(SPACE, ends[-1]))
    kept = tables.load(*WHERE)
    assert kept is not None
    assert [point.digest for point in kept.corrections[SPACE].points] == [
        *(point.digest for point in begun.points),
        *("a0", "a1", "a2", "b0", "b1", "b2"),
    ]
    report = kept.corrections[SPACE].report
    assert report is not None
    assert (report.num_networks, report.num_verified, report.verified_coverage) == (26, 6, 1.0)
    # Who publishes the same again, or less, changes nothing.
    for known in (ends[0], ends[1], begun, kept.corrections[SPACE]):
        tables.publish(lease, table_of().with_correction(SPACE, known))
    assert tables.load(*WHERE) == kept


def put_in_doubt(engine: Engine, *names: str) -> None:
    """Have the sessions of a device be in doubt, the first ones of their context."""
    device, context = WHERE
    facts = {"device": device, "context": context, "protocol": "p" * 64, "content": {}, "worker": "w"}
    with writing(engine) as connection:
        for number, name in enumerate(names, 1):
            row = {"id": name, "number": number, "doubt": "x 1.40; why", "delivered_at_ms": 1}
            connection.execute(insert(sessions).values(**facts, **row))


def test_networks_in_doubt_are_suspect_until_others_are_published_and_join_none_of_those(
    engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    lease, old = running(store, queue), correction(0.8, names=("n1", "n2"))
    tables.publish(lease, table_of("s1").with_correction(SPACE, old))
    put_in_doubt(engine, "s1", "n1")
    shown = tables.load(*WHERE)
    assert shown is not None
    assert tables.corrections(*WHERE) == shown.corrections
    report = shown.corrections[SPACE].report
    assert report is not None
    assert (report.num_suspect, shown.corrections[SPACE].a) == (20, old.a)
    tables.publish(lease, shown)
    assert tables.corrections(*WHERE) == shown.corrections, "nothing sound to publish"
    new = correction(1.1, range(9, 33), ("n3", "n4"))
    tables.publish(lease, table_of("s2").with_correction(SPACE, new))
    # Whoever began with the old ones publishes later.
    tables.publish(lease, table_of("s2").with_correction(SPACE, old))
    found = tables.load(*WHERE)
    assert found is not None
    assert found.corrections == {SPACE: new}
    kept = select(corrections.c.content).order_by(corrections.c.version)
    with reading(engine) as connection:
        rows = connection.execute(kept).scalars().all()
    assert [Correction.model_validate(row) for row in rows] == [old, new], "nothing is deleted"


def test_layers_in_doubt_do_not_replace_what_was_measured_again(
    engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    lease, old = running(store, queue), table_of("s1")
    tables.publish(lease, old)
    put_in_doubt(engine, "s1")
    tables.publish(lease, table_of("s2"))
    tables.publish(lease, old)
    found = tables.load(*WHERE)
    assert found is not None
    assert found.session_ids == table_of("s2").session_ids


def test_networks_that_name_no_session_are_in_doubt_with_the_first_session(
    engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    lease = running(store, queue)
    tables.publish(lease, table_of("s1").with_correction(SPACE, correction(0.8)))
    put_in_doubt(engine, "s1")
    tables.publish(lease, table_of("s2"))
    (shown,) = tables.corrections(*WHERE).values()
    assert all(point.suspect for point in shown.points), "also when layers are measured again"
    new = correction(1.1, range(9, 33), ("n3", "n4"))
    tables.publish(lease, table_of("s2").with_correction(SPACE, new))
    assert tables.corrections(*WHERE) == {SPACE: new}


def test_a_measurement_of_this_context_is_better_than_one_of_another(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    lease = running(store, queue)
    other = table_of("s1", "s2", "s3").entries
    stale = {key: one.model_copy(update={"checked": False, "origin": "e" * 64}) for key, one in other.items()}
    kept = {key: one.model_copy(update={"origin": "e" * 64}) for key, one in other.items()}
    measured = table_of("s4")
    for entries, expected in (
        (stale, stale),
        (kept, kept),
        (stale, kept),
        (measured.entries, measured.entries),
    ):
        tables.publish(lease, measured.model_copy(update={"entries": entries}))
        found = tables.load(*WHERE)
        assert found is not None
        assert found.entries == expected


def test_a_damaged_table_is_not_used(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore, tmp_path: Path
) -> None:
    tables.publish(running(store, queue), table_of())
    (path,) = (path for path in (tmp_path / "artifacts").rglob("*") if len(path.name) == 64)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"measured", b"assessed"))
    with pytest.raises(ArtifactError) as caught:
        tables.load(*WHERE)
    assert caught.value.code == "artifact_damaged"


def test_a_damaged_version_is_followed_by_a_sound_one(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore, tmp_path: Path
) -> None:
    lease, fitted = running(store, queue), correction(0.8)
    first = table_of("s1").with_correction(SPACE, fitted)
    tables.publish(lease, first)
    (path,) = (path for path in (tmp_path / "artifacts").rglob("*") if len(path.name) == 64)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    assert tables.corrections(*WHERE) == {SPACE: fitted}
    assert tables.publish(lease, table_of("s1", "s2")) == 2
    found = tables.load(*WHERE)
    assert found == table_of("s1", "s2").with_correction(SPACE, fitted)
    assert tables.publish(lease, first) == 2, "the one with more sessions stays"


def test_a_table_from_elsewhere_is_there_with_its_origin(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    assert tables.origin(*WHERE) is None
    table = table_of("s1", "s2").with_correction(SPACE, correction(0.8))
    assert tables.receive(TENANT, table, TOLD) == 1
    assert tables.load(*WHERE) == table
    assert tables.origin(*WHERE) == TOLD
    assert [key.device for key in tables.published()] == [DEVICE.digest]
    (job,) = store.page(TENANT).jobs
    assert (job.kind, job.state, job.spec) == (JobKind.IMPORT, JobState.SUCCEEDED, TOLD)
    assert queue.claim("w1") == [], "there is nothing to do for it"


def test_receiving_again_changes_nothing_and_news_are_a_version(
    store: DatabaseJobStore, tables: DatabaseTableStore
) -> None:
    first, second = table_of("s1"), table_of("s1", "s2").with_correction(SPACE, correction(0.9))
    assert [tables.receive(TENANT, first, TOLD) for _ in range(2)] == [1, 1]
    assert len(store.page(TENANT).jobs) == 1
    assert tables.receive(TENANT, second, {**TOLD, "exported_by": "Bob"}) == 2
    assert tables.load(*WHERE) == second
    old = tables.load(*WHERE, version=1)
    assert old is not None
    assert old.entries == first.entries
    assert tables.origin(*WHERE) == {**TOLD, "exported_by": "Bob"}


def test_what_was_measured_here_is_never_replaced(
    store: DatabaseJobStore, queue: DatabaseJobQueue, tables: DatabaseTableStore
) -> None:
    own = table_of("s1")
    tables.publish(running(store, queue), own)
    with pytest.raises(ArtifactError, match="was measured by this installation") as caught:
        tables.receive(TENANT, table_of("s1", "s2"), TOLD)
    assert caught.value.code == "table_exists"
    assert tables.load(*WHERE) == own
    assert tables.origin(*WHERE) is None
    assert len(store.page(TENANT).jobs) == 1
