"""One claim of a job, as its phases see it: what they read and write by names."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar, final

from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from nas.job_records import Job
from nas.leases import Lease
from nas.measurement_tasks import NO_DEADLINE_MS
from nas.ports import Artifacts
from nas.results import SearchResult
from nas.specs import SearchSpec, parse_spec
from nas.store.arrays import packed, unpacked
from nas.store.bound import BOUND
from nas.store.counters import Count
from nas.store.result_store import DatabaseResultStore
from search_spaces.errors import ArtifactError, UsageError

Model = TypeVar("Model", bound=BaseModel)

_RESULT: Final = "result"


@final
class StoredJob:
    """What a job has left, for whoever may read it."""

    def __init__(self, job: Job, results: DatabaseResultStore, artifacts: Artifacts) -> None:
        self._job = job
        self._results = results
        self._artifacts = artifacts

    @property
    def id(self) -> str:
        """Identifier of the job."""
        return self._job.id

    def document(self) -> Mapping[str, Any]:
        """Return what was asked for, as it was submitted."""
        return self._job.spec

    def spec(self) -> SearchSpec:
        """Return the specification of a search.

        Raises:
            UsageError: `outdated_spec` where this version no longer understands it.
        """
        try:
            return parse_spec(self._job.spec)
        except UsageError as error:
            raise UsageError(
                "outdated_spec",
                f"the specification of job {self.id} is not valid for this version of hwnas "
                f"({error.message}): submit the job again",
            ) from error

    def started_at(self) -> str:
        """Return when the job was submitted, UTC."""
        return datetime.fromtimestamp(self._job.created_at_ms / 1000, UTC).isoformat(timespec="seconds")

    @property
    def deadline_ms(self) -> int:
        """When its budget is used up, milliseconds since 1970; `NO_DEADLINE_MS` where it has none."""
        budget = self._job.spec.get("budget")
        if not isinstance(budget, Mapping) or "wall_minutes" not in budget:
            return NO_DEADLINE_MS
        return self._job.created_at_ms + round(60_000 * float(budget["wall_minutes"]))

    @property
    def finished(self) -> bool:
        """Whether the result is there."""
        return self.has(_RESULT)

    def result(self) -> SearchResult:
        """Return the result of a search.

        Raises:
            UsageError: `search_not_finished`.
            ArtifactError: `damaged_file`.
        """
        if not self.finished:
            raise UsageError(
                "search_not_finished", f"search {self.id} is not finished: start it again and it goes on"
            )
        return self.load(_RESULT, SearchResult)

    def has(self, phase: str) -> bool:
        """Return whether a phase has left its document."""
        return self._results.document(self._job.tenant, self.id, phase) is not None

    def load(self, phase: str, model: type[Model]) -> Model:
        """Return what a finished phase found.

        Raises:
            ArtifactError: `damaged_file`.
        """
        content = self._results.document(self._job.tenant, self.id, phase)
        try:
            return model.model_validate_json(content or "")
        except ValidationError as error:
            raise self._damaged(phase, error) from error

    def has_arrays(self, name: str) -> bool:
        """Return whether named arrays are there."""
        return self._results.artifact(self._job.tenant, self.id, _arrays(name)) is not None

    def load_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of that name.

        Raises:
            ArtifactError: `damaged_file`, `artifact_missing` or `artifact_damaged`.
        """
        digest = self._results.artifact(self._job.tenant, self.id, _arrays(name))
        return unpacked(self._artifacts.get(digest) if digest else b"")

    def network_path(self, digest: str) -> Path:
        """Return a verified exported file.

        Raises:
            ArtifactError: `artifact_missing` or `artifact_damaged`.
        """
        return self._artifacts.local_path(digest, ".onnx")

    def _damaged(self, name: str, error: Exception) -> ArtifactError:
        reason = type(error).__name__
        return ArtifactError(
            "damaged_file", f"'{name}' of job {self.id} cannot be read ({reason}): submit the job again"
        )


@final
class JobRun:
    """The running attempt of a job: reads as `StoredJob`, writes under its lease.

    Every write raises `LeaseLost` where the job is another's by now; nothing was written then.
    """

    def __init__(
        self, job: StoredJob, lease: Lease, results: DatabaseResultStore, artifacts: Artifacts
    ) -> None:
        self.stored = job
        self.lease = lease
        self._results = results
        self._artifacts = artifacts
        self.id = job.id
        self.spec = job.spec
        self.document = job.document
        self.started_at = job.started_at
        self.deadline_ms = job.deadline_ms
        self.has = job.has
        self.load = job.load
        self.has_arrays = job.has_arrays
        self.load_arrays = job.load_arrays
        self.network_path = job.network_path

    def bind(self, device: str) -> None:
        """Have only workers of a device go on with the job, unless it is bound already."""
        if not self.has(BOUND):
            self._results.save_document(self.lease, BOUND, device)

    def save(self, phase: str, document: BaseModel, count: Count | None = None) -> None:
        """Keep what a phase found, which finishes it; count what has happened with it."""
        text = json.dumps(document.model_dump(mode="json"), sort_keys=True)
        self._results.save_document(self.lease, phase, text, count)

    def save_result(self, result: SearchResult) -> None:
        """Keep the result."""
        self.save(_RESULT, result)

    def save_arrays(self, name: str, **arrays: NDArray[Any]) -> None:
        """Keep named arrays."""
        digest = self._artifacts.put(packed(arrays))
        self._results.name_artifact(self.lease, _arrays(name), digest)


def _arrays(name: str) -> str:
    return f"arrays/{name}"
