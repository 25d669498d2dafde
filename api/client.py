"""The service from Python: submit, watch, choose, download.

    with Client("http://127.0.0.1:8265", key="hwnas_...") as client:
        search = client.submit({"dataset": {"name": "digits"}})
        client.wait(search.id)
        best = max(client.front(search.id).networks, key=lambda network: network.accuracy.value)
        client.download(search.id, best.name, "best.onnx")

Answers are the models that the service makes them of. Every error is a `HwnasError` with the stable code
that the service gave.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, final

import httpx
from pydantic import BaseModel, ValidationError

from api.client_networks import NetworksClient, content_of
from api.connection import TRIES, Connection, Pause, UnavailableError, at_target, path_of
from api.fetching import fetch
from api.resources.candidates import CandidateResource
from api.resources.exports import ExportList, ExportResource
from api.resources.fronts import FrontResource
from api.resources.jobs import Accepted, EventPage, EventResource, JobResource
from api.server_events import ServerEvent, events_of
from nas.jobs import TERMINAL, JobState
from nas.pipeline.preview import Preview
from search_spaces.errors import HwnasError

LOOK_S: Final = 1.0
"""Between two looks at a job that is waited for."""

ENDS: Final = (*TERMINAL, JobState.PARKED)
"""A parked job goes on only when a person has it queued again."""


@final
class Client(NetworksClient):
    """A service, asked with one key; may be shared by threads. Close it, or use it in `with`.

    Requests that can be repeated are tried again, with pauses that grow, where the service cannot be reached
    or asks for patience. In the end each method may raise `UnavailableError` (`server_unreachable`, or the
    service's code), and the error of the service for what it refuses.

    Args:
        url: Where the service is: `http://127.0.0.1:8265`.
        key: As `hwnas keys create` has shown it.
        transport: Of httpx, where the usual one will not do.
        pause: Waits for so many seconds; the clock does if not given.

    Raises:
        UsageError: `invalid_server` or `malformed_key`.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        transport: httpx.BaseTransport | None = None,
        pause: Pause | None = None,
    ) -> None:
        self._pause = pause or threading.Event().wait
        super().__init__(Connection(url, key, transport, self._pause))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the sockets back."""
        self._line.close()

    def submit(self, spec: Mapping[str, Any] | BaseModel, idempotency_key: str | None = None) -> Accepted:
        """Submit a search and return at once.

        Args:
            spec: As a specification file holds it.
            idempotency_key: The same key with the same specification is the same search, also from another
                process; a new one if not given.

        Raises:
            UsageError: `invalid_spec` where it is no JSON; what the service finds wrong.
        """
        key = idempotency_key or secrets.token_hex(16)
        return self._line.post("/v1/searches", Accepted, content_of(spec), key)

    def preview(self, spec: Mapping[str, Any] | BaseModel) -> Preview:
        """Return what a search would cost and whether its limits can be met; nothing is submitted.

        Raises:
            UsageError: As `submit`.
        """
        # Nothing is made: it may be asked again, under a key that nobody keeps.
        return self._line.post("/v1/searches/preview", Preview, content_of(spec), secrets.token_hex(16))

    def search(self, search_id: str) -> JobResource:
        """Return where a search stands."""
        return self._line.get(_path(search_id), JobResource)

    def job(self, job_id: str) -> JobResource:
        """Return where a job of any kind stands.

        Raises:
            UsageError: `unknown_job`.
        """
        return self._line.get(_job(job_id), JobResource)

    def searches(
        self, state: JobState | str | Iterable[JobState | str] = (), device: str = "", space: str = ""
    ) -> Iterator[JobResource]:
        """Yield searches, newest first.

        Args:
            state: Only in this state, or these.
            device: Only for this one, as targets name it.
            space: Only in the one with this name.
        """
        states = [state] if isinstance(state, str) else list(state)
        wanted = {"state": [str(one) for one in states], "device": device, "space": space}
        return self._pages("/v1/searches", JobResource, wanted)

    def cancel(self, search_id: str) -> JobResource:
        """Cancel a search, or another job. Not tried again: a second try may find it cancelled by the first.

        Raises:
            UsageError: `job_ended`.
        """
        return self._line.post(_job(search_id, "cancel"), JobResource)

    def resume(self, search_id: str) -> JobResource:
        """Have a parked search, or another job, go on where it was, once what it failed at is mended.

        Raises:
            UsageError: `unknown_job` or `job_not_parked`.
        """
        return self._line.post(_job(search_id, "resume"), JobResource)

    def events(self, search_id: str, after: int = 0) -> Iterator[EventResource]:
        """Yield what happens to a search, or any other job, as it happens, until nothing more will.

        A stream that is cut off is taken up again where it ended: nothing is lost and nothing comes twice.

        Args:
            search_id: The search.
            after: Number of the last event that you have.
        """
        failures = 0
        while True:
            try:
                with self._line.stream(_job(search_id, "events"), _listening(after)) as answer:
                    for event in events_of(answer.iter_lines()):
                        if event.kind == "settled":
                            return
                        told = _told(event)
                        after, failures = told.id, 0
                        yield told
                self._line.rest(1)
            except UnavailableError as error:
                failures += 1
                if failures == TRIES:
                    raise
                self._line.rest(failures, error.pause_s)

    def wait(
        self,
        search_id: str,
        timeout_s: float | None = None,
        on_event: Callable[[EventResource], object] | None = None,
    ) -> JobResource:
        """Return a search, or any other job, once it has ended or is parked: look at its `state`.

        Args:
            search_id: The search, or the job.
            timeout_s: For so long at most; None for as long as it takes.
            on_event: Told everything that happens, and what had happened before.

        Raises:
            HwnasError: `wait_timeout`; the search goes on.
        """
        deadline = time.monotonic() + (float("inf") if timeout_s is None else timeout_s)
        after = 0
        while True:
            job = self.job(search_id)
            while on_event is not None:
                page = self._line.get(_job(search_id, "events"), EventPage, {"after": after})
                for event in page.items:
                    on_event(event)
                after = page.last_id
                if not page.items:
                    break
            if job.state in ENDS:
                return job
            left = deadline - time.monotonic()
            if left <= 0:
                raise HwnasError(
                    "wait_timeout",
                    f"{job.kind} {search_id} is {job.state} after {timeout_s:g} s; it goes on: wait again",
                )
            self._pause(min(LOOK_S, left))

    def front(self, search_id: str, target: int = 1) -> FrontResource:
        """Return the verified front for a target, which is counted from 1.

        Raises:
            UsageError: `search_not_finished` or `unknown_target`.
        """
        return self._line.get(_path(search_id, "front"), FrontResource, {"target": target})

    def candidates(self, search_id: str, target: int = 1) -> Iterator[CandidateResource]:
        """Yield every network that was verified for a target, by digest.

        Raises:
            UsageError: `unknown_target`.
        """
        return self._pages(_path(search_id, "candidates"), CandidateResource, {"target": target})

    def exports(self, search_id: str) -> tuple[ExportResource, ...]:
        """Return the networks that a search has delivered."""
        return self._line.get(_path(search_id, "exports"), ExportList).items

    def download(self, search_id: str, network: str, out: str | Path, target: int | None = None) -> Path:
        """Fetch the exported file of a verified network: the one that was scored and measured, to the byte.

        Args:
            search_id: The search.
            network: Its name.
            out: The file to write, replaced where it exists; or a folder, which gets `NETWORK.onnx`.
            target: Of the front that you have the name from, counted from 1: each target has a file of its
                own. None for the first one that has verified the network.

        Returns:
            The file. It stands there whole and checked, or not at all.

        Raises:
            UsageError: `unknown_network`, `unknown_target` or `search_not_finished`.
            ArtifactError: `download_damaged`.
        """
        path = at_target(_path(search_id, "networks", network, "file"), target)
        return fetch(self._line, path, out, f"{network}.onnx")

    def bundle(self, search_id: str, network: str, out: str | Path, target: int | None = None) -> Path:
        """Fetch a zip of a verified network: the file, its card, its measurements, a script that runs it.

        Args:
            search_id: The search.
            network: Its name.
            out: As `download`; a folder gets `NETWORK.zip`.
            target: As `download`.

        Raises:
            UsageError: `unknown_network`, `unknown_target` or `search_not_finished`.
            ArtifactError: `download_damaged`.
        """
        path = at_target(_path(search_id, "networks", network, "bundle"), target)
        return fetch(self._line, path, out, f"{network}.zip")


def _job(job_id: str, *more: str) -> str:
    return path_of("jobs", job_id, *more)


def _path(search_id: str, *more: str) -> str:
    return path_of("searches", search_id, *more)


def _listening(after: int) -> dict[str, str]:
    return {"accept": "text/event-stream", "last-event-id": str(after)}


def _told(event: ServerEvent) -> EventResource:
    try:
        return EventResource.model_validate_json(event.data)
    except ValidationError as error:
        raise HwnasError(
            "unexpected_answer",
            "an event that this version does not understand: is the service of the same one?",
        ) from error
