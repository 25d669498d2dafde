"""The client against the service, through a socket."""

import hashlib
import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.client import Client
from api.resources.jobs import EventResource
from nas.jobs import JobState
from nas.specs import parse_spec
from search_spaces.errors import HwnasError, UsageError
from tests.api.dashboard.searched import parked_search
from tests.api.running import Running, quick_worker, running
from tests.api.served import DIGITS


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "home") as found:
        yield found


@pytest.fixture
def client(service: Running) -> Iterator[Client]:
    with service.client() as found:
        yield found


def code(caught: pytest.ExceptionInfo[HwnasError]) -> str:
    return caught.value.code


def test_the_main_job(service: Running, client: Client, tmp_path: Path) -> None:
    seen: list[EventResource] = []
    with quick_worker(service.stores) as content:
        submitted = client.submit(DIGITS)
        job = client.wait(submitted.id, timeout_s=30, on_event=seen.append)
    assert job.state is JobState.SUCCEEDED
    assert [event.kind for event in seen] == [event.kind for event in client.events(job.id)]
    front = client.front(job.id)
    assert [one.name for one in front.networks] == ["net-aaa111", "net-bbb222", "net-ccc333"]
    assert {one.latency.kind for one in front.networks} == {"measured"}
    path = client.download(job.id, "net-bbb222", tmp_path)
    assert path == tmp_path / "net-bbb222.onnx"
    assert path.read_bytes() == content
    assert hashlib.sha256(content).hexdigest() == front.networks[1].file_sha256
    archive = zipfile.ZipFile(io.BytesIO(client.bundle(job.id, "net-bbb222", tmp_path).read_bytes()))
    assert archive.read("net-bbb222/model.onnx") == content
    assert len({(one.architecture_digest, one.fidelity) for one in client.candidates(job.id)}) == 10
    assert [one.name for one in client.exports(job.id)] == ["net-ccc333"]


def test_a_preview_submits_nothing(client: Client) -> None:
    found = client.preview(parse_spec(DIGITS))
    assert found.targets[0].num_layers_missing == found.num_layers > 100
    assert found.total_seconds == pytest.approx(sum(phase.seconds for phase in found.phases))
    assert list(client.searches()) == []
    with pytest.raises(UsageError) as caught:
        client.preview({"dataset": {"name": "stored", "id": "none"}})
    assert code(caught) == "unknown_dataset"


def test_a_submission_is_one_search_however_often_it_is_sent(client: Client) -> None:
    first = client.submit(DIGITS, idempotency_key="mine")
    assert client.submit(parse_spec(DIGITS)).name == first.name
    assert client.submit(DIGITS, idempotency_key="mine") == first
    assert client.submit(DIGITS).id != client.submit(DIGITS).id
    with pytest.raises(UsageError) as caught:
        client.submit({**DIGITS, "seed": 7}, idempotency_key="mine")
    assert code(caught) == "idempotency_conflict"


@pytest.mark.parametrize("seed", [float("nan"), {1}, object()])
def test_what_is_no_json_is_not_sent(client: Client, seed: object) -> None:
    with pytest.raises(UsageError) as caught:
        client.submit({**DIGITS, "seed": seed})
    assert code(caught) == "invalid_spec"


def test_pages_are_one_list(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client_catalogue.MAX_LIMIT", 2)
    ids = [client.submit({**DIGITS, "seed": seed}).id for seed in range(5)]
    assert [one.id for one in client.searches()] == ids[::-1]
    client.cancel(ids[0])
    assert [one.id for one in client.searches(state="cancelled")] == ids[:1]
    assert [one.id for one in client.searches(state=["cancelled", JobState.QUEUED])] == ids[::-1]


def test_a_search_is_cancelled_once(client: Client) -> None:
    search = client.submit(DIGITS).id
    assert client.cancel(search).state is JobState.CANCELLED
    assert client.wait(search).state is JobState.CANCELLED
    with pytest.raises(UsageError) as caught:
        client.cancel(search)
    assert code(caught) == "job_ended"
    with pytest.raises(UsageError) as caught:
        client.search("../../livez")
    assert code(caught) == "not_found"


def test_a_parked_search_goes_on(client: Client, service: Running) -> None:
    search = parked_search(service.stores).id
    assert client.resume(search).state is JobState.QUEUED
    with pytest.raises(UsageError) as caught:
        client.resume(search)
    assert code(caught) == "job_not_parked"


def test_waiting_has_an_end(client: Client) -> None:
    search = client.submit(DIGITS).id
    with pytest.raises(HwnasError) as caught:
        client.wait(search, timeout_s=0.05)
    assert code(caught) == "wait_timeout"
    assert client.search(search).state is JobState.QUEUED


def test_events_come_while_they_happen(client: Client) -> None:
    search = client.submit(DIGITS).id
    events = client.events(search)
    assert next(events).kind == "queued"
    threading.Timer(0.2, client.cancel, [search]).start()
    (last,) = list(events)
    assert last.kind == "cancelled"
    assert [event.id for event in client.events(search, after=last.id)] == []


class Cut(httpx.BaseTransport):
    """Cuts streams of events off after some bytes; refuses each second one."""

    def __init__(self, bytes_each: int) -> None:
        self._below = httpx.HTTPTransport()
        self._bytes = bytes_each
        self.streams = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._below.handle_request(request)
        if request.headers["accept"] != "text/event-stream":
            return answer
        self.streams += 1
        if self.streams % 2 == 0:
            answer.close()
            raise httpx.ConnectError("refused")
        content = answer.read()[: self._bytes]

        def cut() -> Iterator[bytes]:
            yield content
            raise httpx.ReadError("cut")

        return httpx.Response(200, content=cut())

    def close(self) -> None:
        self._below.close()


def test_a_stream_that_is_cut_goes_on_where_it_was(service: Running, client: Client) -> None:
    search = client.submit(DIGITS).id
    with quick_worker(service.stores):
        client.wait(search)
    whole = list(client.events(search))
    transport = Cut(bytes_each=max(len(event.model_dump_json()) for event in whole) + 120)
    with Client(service.url, service.key, transport, pause=lambda seconds: None) as shaky:
        found = []
        for event in shaky.events(search):
            found.append(event)
            if event == whole[-1]:
                break
    assert found == whole
    assert transport.streams >= 3


def test_a_stream_that_never_comes_is_given_up(service: Running, client: Client) -> None:
    search = client.submit(DIGITS).id
    client.cancel(search)
    with (
        Client(service.url, service.key, Cut(bytes_each=5), pause=lambda seconds: None) as shaky,
        pytest.raises(HwnasError) as caught,
    ):
        list(shaky.events(search))
    assert code(caught) == "server_unreachable"


def test_what_the_service_has_is_listed(service: Running, client: Client) -> None:
    assert [*client.devices(), *client.datasets(), *client.supernets()] == []
    service.stores.datasets.add("local", "mine", {"name": "shapes", "num_classes": 4})
    assert [one.name for one in client.datasets()] == ["mine"]
    assert {one.name for one in client.spaces()} >= {"mobilenet_v3", "nas_bench_201"}


def test_without_a_key_nobody_gets_in(service: Running) -> None:
    with Client(service.url) as stranger, pytest.raises(UsageError) as caught:
        next(stranger.devices())
    assert code(caught) == "not_authenticated"


def test_asking_loads_nothing_that_computes() -> None:
    command = "import sys, api.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"torch", "ray", "sklearn", "optuna", "onnxruntime"} == set()
