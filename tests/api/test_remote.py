"""Commands that ask a service, as they are typed."""

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api import remote
from hwnas import AT_A_SERVICE, run
from nas.jobs import Fault, Faulted, JobState
from nas.store.searches import all_searches
from search_spaces.errors import HwnasError, UsageError
from tests.api.dashboard.searched import parked_search
from tests.api.handmade import SPEC, claimed, submitted
from tests.api.routes.conftest import exported_file, worked_on
from tests.api.running import Running, quick_worker, running

Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A service, with its key in the environment; the store of this machine is another, and empty."""
    with running(tmp_path / "there") as found:
        monkeypatch.setenv("HWNAS_KEY", found.key)
        monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "here"))
        yield found


@pytest.fixture
def command(service: Running, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command at the service; exit status, and the document that it prints."""

    def ran(*words: str) -> tuple[int, Any]:
        status = run([*words, "--server", service.url, "--json"])
        return status, json.loads(capsys.readouterr().out)

    return ran


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "digits.yaml"
    path.write_text("dataset: {name: digits}\ntargets: [{limits: {latency_ms: 1.0}}]\n", encoding="utf-8")
    return path


def test_a_search_is_submitted_watched_and_shown(service: Running, command: Command, spec: Path) -> None:
    with quick_worker(service.stores):
        status, told = command("search", str(spec))
    assert (status, told["search"]["state"]) == (0, "succeeded")
    assert [one["name"] for one in told["fronts"][0]["networks"]] == [
        "net-aaa111",
        "net-bbb222",
        "net-ccc333",
    ]
    search = told["search"]["id"]
    assert command("searches", "show", search[:10]) == (0, told)
    assert command("searches", "front", "latest") == (0, told["fronts"][0])
    status, told = command("searches", "front", "latest", "--target", "2")
    assert (status, told["error"]["code"]) == (2, "unknown_target")


def test_a_search_that_went_on_without_a_device_has_the_other_fronts(
    service: Running, command: Command, tmp_path: Path
) -> None:
    two = SPEC.model_copy(update={"targets": SPEC.targets * 2})
    search = worked_on(service.stores, submitted(service.stores, two), exported_file())
    status, told = command("searches", "show", search)
    assert (status, [front["target"] for front in told["fronts"]]) == (0, [1])
    status, told = command("export", search, "--out", str(tmp_path / "net.onnx"))
    assert (status, told["target_number"]) == (0, 1)
    assert command("searches", "front", search, "--target", "2")[1]["error"]["code"] == "unknown_target"


def test_a_plan_is_asked_of_the_service(service: Running, command: Command, spec: Path) -> None:
    status, told = command("plan", str(spec))
    assert (status, told["targets"][0]["outlook"]["state"], told["training"]) == (0, "unknown", "modelled")
    assert all_searches(service.stores, "local") == []
    spec.write_text("dataset: {name: digits}\ntargets: [{limits: {num_params: 1}}]\n", encoding="utf-8")
    status, told = command("plan", str(spec))
    assert (status, told["targets"][0]["outlook"]["binding"]) == (1, ["num_params"])


def test_a_search_is_queued_and_cancelled(service: Running, command: Command, spec: Path) -> None:
    ids = [command("search", str(spec), "--no-watch")[1]["search"]["id"] for _ in range(2)]
    assert [one["id"] for one in command("searches", "list")[1]["searches"]] == ids
    assert command("searches", "cancel", "latest") == (0, {"id": ids[1], "state": "cancelled"})
    assert command("searches", "cancel", ids[1])[1]["error"]["code"] == "job_ended"
    assert command("searches", "resume", ids[1])[1]["error"]["code"] == "job_not_parked"
    parked = parked_search(service.stores).id
    assert command("searches", "resume", "latest") == (0, {"id": parked, "state": "queued"})
    assert command("searches", "show", "digits")[1]["error"]["code"] == "ambiguous_search"
    assert command("searches", "show", "none")[1]["error"]["code"] == "unknown_search"


def test_the_environment_names_the_service(
    service: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spec: Path
) -> None:
    monkeypatch.setenv("HWNAS_SERVER", service.url)
    assert run(["search", str(spec), "--no-watch"]) == 0
    assert len(all_searches(service.stores, "local")) == 1
    assert run(["searches", "list"]) == 0
    assert "queued" in capsys.readouterr().out
    monkeypatch.delenv("HWNAS_SERVER")
    assert run(["searches", "list"]) == 0
    assert "No searches yet" in capsys.readouterr().out


@pytest.mark.parametrize("kind", [Fault.BAD_DATA, Fault.POISON])
def test_what_ended_a_search_is_the_error(service: Running, kind: Fault) -> None:
    fault = Faulted(kind, "not_finite", "the loss is no number")
    with remote.client_of(service.url) as client:
        job = submitted(service.stores, SPEC)
        lease = claimed(service.stores, job).lease
        service.stores.queue.settle(lease, fault)
        with pytest.raises(HwnasError) as caught:
            remote.watched(client, client.search(job.id))
        assert caught.value.code == "not_finite"
        cancelled = client.submit({"dataset": {"name": "digits"}}).id
        client.cancel(cancelled)
        with pytest.raises(HwnasError) as caught:
            remote.watched(client, client.search(cancelled))
        assert caught.value.code == "cancelled"


def test_the_search_goes_on_when_nobody_watches(
    service: Running, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(event: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("api.remote.EventLines", lambda: interrupt)
    with pytest.raises(HwnasError) as caught:
        remote.search(service.url, spec, watch=True)
    (job,) = all_searches(service.stores, "local")
    assert caught.value.code == "interrupted"
    assert job.id in caught.value.message
    assert job.state is JobState.QUEUED


def test_files_of_this_machine_are_not_sent(service: Running, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("dataset: {name: folder, path: images}\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        remote.search(service.url, path, watch=True)
    assert caught.value.code == "data_not_on_server"


def test_each_command_has_its_counterpart() -> None:
    for path, module in AT_A_SERVICE.items():
        assert callable(getattr(importlib.import_module(module), path.replace(" ", "_")))
