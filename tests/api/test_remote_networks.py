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
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            if service.stores.jobs.page("local", kinds=(JobKind.FINETUNE,)).jobs:
                done(service.stores, subnet)
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        tuned = told(capsys, "finetune", "latest.net-ccc333", "--epochs", "3")
    finally:
        stop.set()
        thread.join()
    (job,) = service.stores.jobs.page("local", kinds=(JobKind.FINETUNE,)).jobs
    assert tuned["subnet"] == f"{job.id}.net-ccc333"
    assert tuned["network"]["name"] == "net-ccc333"


def test_a_network_goes_by_its_search_as_people_call_it(
    service: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    search = written(service.stores, exported_file())
    for words in (f"{search[:-6]}.net-ccc333", "latest.net-ccc333", "latest.net-c"):
        assert told(capsys, "subnets", "show", words)["id"] == f"{search}.net-ccc333"
        assert told(capsys, "subnets", "show", words, "--target", "1")["id"] == f"{search}.net-ccc333"
    assert told(capsys, "subnets", "show", "latest.n")["error"]["code"] == "ambiguous_network"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("net-ccc333", "in the search that you name; write SEARCH.NETWORK, for example latest."),
        ("none.net-ccc333", "the service has no search 'none'"),
        ("latest.none", "no network 'none' in search latest; networks are net-"),
    ],
)
def test_what_is_not_there_is_unknown(
    words: str, said: str, service: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    written(service.stores, exported_file())
    error = told(capsys, "subnets", "show", words)["error"]
    assert error["code"] == "unknown_subnet"
    assert said in error["message"]
