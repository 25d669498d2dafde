"""What commands do with `--server`: each function stands for the command of its name, and asks a service."""

from pathlib import Path
from typing import Any, Final

from api.client import Client
from api.remote_answers import RemoteFront, RemoteList, RemotePlan, RemoteSearch
from api.remote_progress import EventLines
from api.resources.fronts import FrontResource
from api.resources.jobs import JobResource
from api.searches import Cancelled, Resumed
from nas.jobs import JobKind, JobState
from nas.settings import ServerSettings
from nas.spec_files import read_document
from search_spaces.errors import HwnasError, UsageError

LATEST: Final = "latest"


def search(server: str, spec: Path, *, watch: bool, proceed: bool = False) -> RemoteSearch:
    """Have a service run the search that a file specifies; watch it to its end.

    Raises:
        UsageError: `no_such_file`, `invalid_yaml`, `invalid_spec` or `data_not_on_server`.
        HwnasError: What the service says; what ended the search, if not success; `interrupted` on Ctrl-C.
    """
    document = read_document(spec)
    if proceed:
        document["when_missing"] = "proceed"
    _check_data(document)
    with client_of(server) as client:
        job = client.search(client.submit(document).id)
        if watch:
            job = watched(client, job)
        return _shown(client, job)


def plan(server: str, spec: Path) -> RemotePlan:
    """Return what the search that a file specifies would cost at a service.

    Raises:
        UsageError: `no_such_file`, `invalid_yaml`, `invalid_spec` or `data_not_on_server`.
    """
    document = read_document(spec)
    _check_data(document)
    with client_of(server) as client:
        return RemotePlan.of(client.preview(document))


def searches_list(server: str) -> RemoteList:
    """Return the searches of a service, the last submitted last."""
    with client_of(server) as client:
        return RemoteList(searches=tuple(client.searches())[::-1])


def searches_show(server: str, search: str) -> RemoteSearch:
    """Return one search, with its fronts once it has succeeded.

    Raises:
        UsageError: `unknown_search` or `ambiguous_search`.
    """
    with client_of(server) as client:
        return _shown(client, find_search(client, search))


def searches_cancel(server: str, search: str) -> Cancelled:
    """Cancel a search.

    Raises:
        UsageError: `unknown_search`, `ambiguous_search` or `job_ended`.
    """
    with client_of(server) as client:
        job = client.cancel(find_search(client, search).id)
    return Cancelled(id=job.id, state=job.state)


def searches_resume(server: str, search: str) -> Resumed:
    """Queue a parked search again.

    Raises:
        UsageError: `unknown_search`, `ambiguous_search` or `job_not_parked`.
    """
    with client_of(server) as client:
        job = client.resume(find_search(client, search).id)
    return Resumed(id=job.id, state=job.state)


def searches_front(server: str, search: str, target: int) -> RemoteFront:
    """Return the verified front of a search.

    Raises:
        UsageError: `unknown_search`, `ambiguous_search`, `search_not_finished` or `unknown_target`.
    """
    with client_of(server) as client:
        return RemoteFront.of(client.front(find_search(client, search).id, target))


def find_search(client: Client, name: str) -> JobResource:
    """Return a search by its identifier, the start of one, or `latest`.

    Raises:
        UsageError: `unknown_search` or `ambiguous_search`.
    """
    if name not in ("", LATEST) and (job := _known(client, name)) is not None:
        return job
    found = []
    for job in client.searches():
        if name == LATEST:
            return job
        if job.id.startswith(name):
            found.append(job)
    if not found:
        raise UsageError(
            "unknown_search", f"the service has no search '{name}': `hwnas searches list` shows what it has"
        )
    if len(found) > 1:
        listed = ", ".join(job.id for job in found)
        raise UsageError("ambiguous_search", f"'{name}' may be any of {listed}: write more of it")
    return found[0]


def _known(client: Client, search_id: str) -> JobResource | None:
    """Return the search of an identifier without a look at all others, None where it is the start of one."""
    try:
        return client.search(search_id)
    except UsageError as error:
        if error.code not in ("unknown_job", "not_found"):
            raise
        return None


def fronts_of(client: Client, job: JobResource) -> list[FrontResource]:
    """Return the fronts of a search: one for each target but those of devices that it went on without.

    Raises:
        UsageError: `search_not_finished`.
    """
    fronts: list[FrontResource] = []
    for number in range(1, len(job.spec.get("targets", ())) + 1):
        try:
            fronts.append(client.front(job.id, number))
        except UsageError as error:
            if error.code != "unknown_target" or not fronts:
                raise
            break
    return fronts


def client_of(server: str) -> Client:
    """Return a client of a service, with the key of this process's settings."""
    access = ServerSettings(server=server)
    return Client(access.server, access.key or None)


def _check_data(document: dict[str, Any]) -> None:
    dataset = document.get("dataset")
    if isinstance(dataset, dict) and "path" in dataset:
        raise UsageError(
            "data_not_on_server",
            f"the service does not read {dataset['path']} of this machine: register the images there "
            "(`hwnas datasets add NAME FILE.zip --server URL`) and write `dataset: {name: stored, id: NAME}`",
        )


def watched(client: Client, job: JobResource) -> JobResource:
    """Return a job once it has succeeded, telling what happens meanwhile.

    Raises:
        HwnasError: What ended it otherwise; `interrupted` on Ctrl-C, which leaves it to the service.
    """
    try:
        job = client.wait(job.id, on_event=EventLines())
    except KeyboardInterrupt as error:
        raise HwnasError(
            "interrupted",
            f"{job.kind} {job.id} goes on at the service" + _how_to_follow(job),
        ) from error
    if job.state is JobState.CANCELLED:
        raise HwnasError("cancelled", f"{job.kind} {job.id} was cancelled")
    if job.state is not JobState.SUCCEEDED and job.error is not None:
        raise HwnasError(job.error.code, f"{job.kind} {job.id} is {job.state}: {job.error.message}")
    return job


def _how_to_follow(job: JobResource) -> str:
    if job.kind is not JobKind.SEARCH:
        return ""
    return f": `hwnas searches show {job.id}` tells how far it is, `hwnas searches cancel {job.id}` ends it"


def _shown(client: Client, job: JobResource) -> RemoteSearch:
    fronts = fronts_of(client, job) if job.state is JobState.SUCCEEDED else []
    return RemoteSearch(search=job, fronts=tuple(RemoteFront.of(front) for front in fronts))
