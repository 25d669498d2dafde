"""What a client asks of single networks, supernets and devices."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.client_networks import content_of
from nas.jobs import JobKind, JobState, Succeeded
from nas.network_specs import MADE, MadeNetwork
from nas.store.stores import Stores
from nas.store.subnets import find_subnet
from search_spaces.errors import UsageError
from tests.api.handmade import SMALLEST, claimed, lookup_table, saved_table
from tests.api.routes.conftest import exported_file, written
from tests.api.running import Running, running

CONTENT = exported_file()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Running, str]]:
    """A service with a finished search, and the identifier of a network of it."""
    with running(tmp_path / "home") as found:
        yield found, f"{written(found.stores, CONTENT)}.net-ccc333"


def done(stores: Stores, subnet: str, target: int = 1) -> None:
    """The queued job on a network ends with the file that is there for a target."""
    kinds = (JobKind.EXPORT, JobKind.FINETUNE)
    (job,) = stores.jobs.page("local", kinds=kinds, states=(JobState.QUEUED,)).jobs
    found, run = find_subnet(stores, "local", subnet, target), claimed(stores, job)
    made = MadeNetwork(
        search=found.search.id,
        number=found.number,
        target=found.target.model_copy(update={"networks": (found.network,)}),
        network=found.network,
        why="asked for by name",
        supernet=found.result.supernet,
        versions={},
    )
    run.save(MADE, made)
    stores.fronts.add_export(run.lease, found.network.name, "onnx", found.network.file_sha256, {})
    stores.queue.settle(run.lease, Succeeded())


@contextmanager
def making(stores: Stores) -> Iterator[None]:
    """A worker is at hand that makes files, each that which is there."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.02):
            for job in stores.jobs.page("local", kinds=(JobKind.EXPORT,), states=(JobState.QUEUED,)).jobs:
                done(stores, str(job.spec["subnet"]), int(job.spec.get("target", 1)))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join()


def test_a_file_of_a_network_is_made_waited_for_and_fetched(
    service: tuple[Running, str], tmp_path: Path
) -> None:
    running_, subnet = service
    with running_.client() as client:
        assert client.subnet(subnet).network.name == "net-ccc333"
        job = client.export(subnet, "fp32", idempotency_key="once")
        assert client.export(subnet, "fp32", idempotency_key="once") == job
        assert client.export_state(job.id).state == "queued"
        with pytest.raises(UsageError) as caught:
            client.download_export(job.id, tmp_path)
        assert caught.value.code == "export_not_ready"
        done(running_.stores, subnet)
        assert client.wait(job.id, timeout_s=30).kind is JobKind.EXPORT
        state = client.export_state(job.id)
        path = client.download_export(job.id, tmp_path)
        assert path.read_bytes() == CONTENT
        assert state.network == client.subnet(subnet).network
        assert state.sha256 == state.network.file_sha256
        assert client.download_export(job.id, tmp_path, bundle=True).suffix == ".zip"


def test_a_network_is_trained_on(service: tuple[Running, str]) -> None:
    running_, subnet = service
    with running_.client() as client:
        job = client.finetune(subnet, epochs=3)
        assert client.job(job.id).spec == {"subnet": subnet, "epochs": 3}
        done(running_.stores, subnet)
        assert client.wait(job.id, timeout_s=30).error is None
        assert client.subnet(job.links["subnet"].rpartition("/")[2]).lineage.job == job.id


def test_what_the_service_refuses_is_raised(service: tuple[Running, str]) -> None:
    with service[0].client() as client:
        for ask in (client.subnet, client.export, client.finetune):
            with pytest.raises(UsageError) as caught:
                ask("none.none")
            assert caught.value.code == "unknown_subnet"
        with pytest.raises(UsageError) as caught:
            client.search_supernet("none", {})
        assert caught.value.code == "unknown_supernet"


def test_costs_are_predicted_and_tables_shown(tmp_path: Path) -> None:
    table = lookup_table()
    saved_table(tmp_path / "home", table)
    with running(tmp_path / "home") as found, found.client() as client:
        predicted = client.predict("host", {"in_channels": 1, "architectures": [SMALLEST]})
        assert predicted.networks[0].latency_ms.kind == "table"
        (shown,) = client.tables(table.device.digest).items
        assert len(shown.layers) == len(table.entries)


def test_what_is_no_json_is_not_sent() -> None:
    with pytest.raises(UsageError) as caught:
        content_of({"epochs": float("nan")})
    assert caught.value.code == "invalid_spec"
