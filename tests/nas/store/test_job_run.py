"""A claim as phases see it: the same names as the folder of a search had."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel
from sqlalchemy import Engine

from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.specs import parse_spec
from nas.store.artifact_folder import ArtifactFolder
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_run import JobRun, StoredJob
from nas.store.job_store import DatabaseJobStore
from nas.store.result_store import DatabaseResultStore
from nas.store.session import writing
from nas.store.tables import documents, jobs
from search_spaces.errors import ArtifactError, UsageError
from tests.nas.report.documents import make_result
from tests.nas.store.queued import TENANT, claim_one

SPEC = parse_spec({"dataset": {"name": "digits"}, "seed": 7})


class Found(BaseModel):
    """What a phase found."""

    values: dict[str, float]


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactFolder:
    """A folder of artifacts."""
    return ArtifactFolder(tmp_path / "artifacts")


@pytest.fixture
def run(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine, artifacts: ArtifactFolder
) -> JobRun:
    """The running attempt of a search."""
    job = store.submit(TENANT, JobRequest(JobKind.SEARCH, SPEC.model_dump(mode="json")))
    results = DatabaseResultStore(engine)
    return JobRun(StoredJob(job, results, artifacts), claim_one(queue).lease, results, artifacts)


def test_what_a_phase_found_comes_back(run: JobRun) -> None:
    found = Found(values={"b": 0.1 + 0.2, "a": 1e-300})
    assert not run.has("train")
    run.save("train", found)
    assert run.has("train")
    assert run.load("train", Found) == found
    assert run.stored.load("train", Found) == found


def test_arrays_come_back_to_the_bit(run: JobRun) -> None:
    arrays = {
        "archs": np.arange(12).reshape(3, 4),
        "correct": np.array([True, False]),
        "none": np.zeros((0, 2)),
    }
    assert not run.has_arrays("predict")
    run.save_arrays("predict", **arrays)
    assert run.has_arrays("predict")
    found = run.load_arrays("predict")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


def test_a_network_is_a_file_of_its_digest(run: JobRun, artifacts: ArtifactFolder) -> None:
    digest = artifacts.put(b"onnx")
    path = run.network_path(digest)
    assert path.name == f"{digest}.onnx"
    assert path.read_bytes() == b"onnx"


def test_the_specification_is_the_one_that_was_submitted(run: JobRun) -> None:
    assert run.spec() == SPEC


def test_a_specification_that_is_no_longer_valid_is_named(
    run: JobRun, store: DatabaseJobStore, engine: Engine, artifacts: ArtifactFolder
) -> None:
    with writing(engine) as connection:
        connection.execute(jobs.update().values(spec={"dataset": {"name": "digits"}, "gone": 1}))
    job = StoredJob(store.get(TENANT, run.id), DatabaseResultStore(engine), artifacts)
    with pytest.raises(UsageError, match="gone") as caught:
        job.spec()
    assert caught.value.code == "outdated_spec"


def test_a_result_ends_the_search(run: JobRun) -> None:
    with pytest.raises(UsageError) as caught:
        run.stored.result()
    assert caught.value.code == "search_not_finished"
    result = make_result()
    run.save_result(result)
    assert run.stored.finished
    assert run.stored.result() == result


def test_a_document_that_cannot_be_read_is_damaged(run: JobRun, engine: Engine) -> None:
    run.save("train", Found(values={}))
    with writing(engine) as connection:
        connection.execute(documents.update().values(content='{"values": {"a"'))
    for phase in ("train", "never"):
        with pytest.raises(ArtifactError, match=phase) as caught:
            run.load(phase, Found)
        assert caught.value.code == "damaged_file"


def test_arrays_that_are_none_are_damaged(run: JobRun, engine: Engine, artifacts: ArtifactFolder) -> None:
    DatabaseResultStore(engine).name_artifact(run.lease, "arrays/predict", artifacts.put(b"no archive"))
    for name in ("predict", "never"):
        with pytest.raises(ArtifactError) as caught:
            run.load_arrays(name)
        assert caught.value.code == "damaged_file"


def test_when_a_search_began_is_told(run: JobRun) -> None:
    assert run.started_at().endswith("+00:00")
