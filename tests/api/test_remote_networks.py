"""Single networks of a service, as they are typed."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hwnas import run
from nas.jobs import JobKind
from tests.api.routes.conftest import exported_file, written
from tests.api.running import Running, running
from tests.api.test_client_networks import done


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with running(tmp_path / "there") as found:
        monkeypatch.setenv("HWNAS_KEY", found.key)
        monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "here"))
        monkeypatch.setenv("HWNAS_SERVER", found.url)
        yield found


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    run([*words, "--json"])
    return json.loads(capsys.readouterr().out)


def test_a_network_is_shown_and_trained_on(service: Running, capsys: pytest.CaptureFixture[str]) -> None:
    subnet = f"{written(service.stores, exported_file())}.net-ccc333"
    assert told(capsys, "subnets", "show", subnet)["name"] == "net-ccc333"
    assert told(capsys, "subnets", "show", "none")["error"]["code"] == "unknown_subnet"
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            if service.stores.jobs.page("local", kinds=(JobKind.FINETUNE,)).jobs:
                done(service.stores, subnet)
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        tuned = told(capsys, "finetune", subnet, "--epochs", "3")
    finally:
        stop.set()
        thread.join()
    (job,) = service.stores.jobs.page("local", kinds=(JobKind.FINETUNE,)).jobs
    assert tuned["subnet"] == f"{job.id}.net-ccc333"
    assert tuned["network"]["name"] == "net-ccc333"
