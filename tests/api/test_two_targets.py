"""Where targets have verified the same network, whoever asks gets the file of the target that is meant."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from api import made_exports
from hwnas import run
from nas.jobs import JobKind
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores
from tests.api.dashboard.browsing import browse, sound
from tests.api.handmade import finished_search, network, target
from tests.api.running import Running, running
from tests.api.served import Caller, code, served
from tests.api.test_client_networks import done, making
from tests.api.test_made_exports import working
from tests.api.two_targets import FILES, NAME, ONLY_SECOND, SHA256, written_twice


@dataclass(frozen=True)
class Twice:
    """A service with the search."""

    api: Caller
    search: str

    @property
    def subnet(self) -> str:
        return f"/v1/subnets/{self.search}.{NAME}"

    def file(self, query: str = "", name: str = NAME, part: str = "file") -> Any:
        return self.api.get(f"/v1/searches/{self.search}/networks/{name}/{part}{query}")


@pytest.fixture
def twice(tmp_path: Path) -> Iterator[Twice]:
    with served(tmp_path / "home") as api:
        yield Twice(api, written_twice(api.stores))


def asked_of(stores: Stores, kind: JobKind) -> list[Any]:
    """Which networks of which targets the jobs of a kind are about."""
    return [(job.spec["subnet"].partition(".")[2], job.spec.get("target", 1)) for job in jobs(stores, kind)]


def jobs(stores: Stores, kind: JobKind) -> list[Any]:
    return list(stores.jobs.page("local", kinds=(kind,)).jobs)


def packed(content: bytes, name: str = NAME) -> tuple[bytes, Any]:
    """The model and what was measured of it, out of a bundle."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    return archive.read(f"{name}/model.onnx"), json.loads(archive.read(f"{name}/measurements.json"))


def test_the_files_of_the_targets_differ() -> None:
    assert FILES[0] != FILES[1]


@pytest.mark.parametrize("number", [1, 2])
def test_links_of_a_front_lead_to_the_files_whose_digests_it_has(number: int, twice: Twice) -> None:
    front = twice.api.get(f"/v1/searches/{twice.search}/front?target={number}").json()
    assert [one["file_sha256"] for one in front["networks"]] == 3 * [SHA256[number - 1]]
    for one in front["networks"]:
        answer = twice.api.get(front["links"][one["name"]])
        assert hashlib.sha256(answer.content).hexdigest() == one["file_sha256"]
        assert answer.headers["etag"] == f'"{one["file_sha256"]}"'


def test_a_file_and_a_bundle_are_those_of_the_target(twice: Twice) -> None:
    for number in (1, 2):
        assert twice.file(f"?target={number}").content == FILES[number - 1]
        model, measured = packed(twice.file(f"?target={number}", part="bundle").content)
        assert model == FILES[number - 1]
        assert measured["latency"]["median_ms"] == 0.40 / number
        assert measured["provenance"]["why"] == f"why {number - 1}"
        # What was delivered has a name of its own.
        delivered = twice.file(name=f"{NAME}-{number - 1}", part="bundle").content
        assert packed(delivered, f"{NAME}-{number - 1}")[0] == FILES[number - 1]


def test_scripts_that_name_no_target_get_the_first_one_that_has_the_network(twice: Twice) -> None:
    assert twice.file().content == FILES[0]
    assert packed(twice.file(part="bundle").content)[0] == FILES[0]
    assert twice.file(name=ONLY_SECOND).content == FILES[1]
    assert twice.api.get(twice.subnet).json()["target"] == 1


def test_what_a_target_does_not_have_is_said(twice: Twice) -> None:
    for part in ("file", "bundle"):
        assert code(twice.file("?target=1", ONLY_SECOND, part)) == (404, "unknown_network")
        assert code(twice.file("?target=3", NAME, part)) == (404, "unknown_target")
        assert code(twice.file("?target=0", NAME, part)) == (422, "invalid_request")
    other = twice.subnet.replace(NAME, ONLY_SECOND)
    for path, expected in (
        (f"{twice.subnet}?target=3", "unknown_target"),
        (f"{other}?target=1", "unknown_subnet"),
    ):
        assert code(twice.api.get(path)) == (404, expected)
        target = path.partition("?")[2]
        for more in ("exports", "finetune"):
            assert code(twice.api.post(f"{path.partition('?')[0]}/{more}?{target}", {})) == (404, expected)


@pytest.mark.parametrize("number", [1, 2])
def test_a_subnet_of_a_target_is_followed_to_its_file_and_its_jobs(number: int, twice: Twice) -> None:
    shown = twice.api.get(f"{twice.subnet}?target={number}").json()
    assert (shown["target"], shown["network"]["file_sha256"]) == (number, SHA256[number - 1])
    assert ("int8" in shown["context"]) == (number == 2)
    links = shown["links"]
    assert twice.api.get(links["self"]).json() == shown
    assert twice.api.get(links["file"]).content == FILES[number - 1]
    assert twice.api.post(links["exports"], {"precision": "fp32"}).status_code == 202
    assert twice.api.post(links["finetune"], {"epochs": 2}).status_code == 202
    for kind in (JobKind.EXPORT, JobKind.FINETUNE):
        assert asked_of(twice.api.stores, kind) == [(NAME, number)]


def test_jobs_name_the_target_also_where_it_was_left_open(twice: Twice) -> None:
    other = twice.subnet.replace(NAME, ONLY_SECOND)
    assert twice.api.post(f"{other}/exports", {}).status_code == 202
    assert asked_of(twice.api.stores, JobKind.EXPORT) == [(ONLY_SECOND, 2)]


def links_of(text: str, ending: str) -> set[str]:
    """Where a page leads to whose address, without its query, ends so."""
    found = {unescape(one) for one in re.findall(r'(?:href|data-post)="([^"]*)"', text)}
    return {one for one in found if one.partition("?")[0].endswith(ending)}


@pytest.mark.parametrize("number", [1, 2])
def test_buttons_of_the_dashboard_fetch_the_file_whose_digest_stands_beside(
    number: int, twice: Twice
) -> None:
    here = f"/searches/{twice.search}"
    front = sound(browse(twice.api, f"{here}/front?target={number}&pick={NAME}"))
    inside = sound(browse(twice.api, f"{here}/networks/{NAME}?target={number}"))
    card = sound(browse(twice.api, f"{here}/networks/{NAME}/card?target={number}"))
    for text in (front, inside):
        assert SHA256[number - 1] in text
        assert SHA256[2 - number] not in text
        (link,) = links_of(text, f"/networks/{NAME}/file")
        assert twice.api.get(link).content == FILES[number - 1]
    for text in (inside, card):
        (link,) = links_of(text, f"/networks/{NAME}/bundle")
        assert packed(twice.api.get(link).content)[0] == FILES[number - 1]
    (link,) = links_of(inside, "/exports")
    assert twice.api.post(link, {"format": "onnx", "precision": "fp32"}).status_code == 202
    assert asked_of(twice.api.stores, JobKind.EXPORT) == [(NAME, number)]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Running, str]]:
    with running(tmp_path / "there") as found:
        yield found, written_twice(found.stores)


def test_the_client_names_the_target(service: tuple[Running, str], tmp_path: Path) -> None:
    stores, search = service[0].stores, service[1]
    with service[0].client() as client:
        front = client.front(search, 2)
        network = front.networks[-1]
        path = client.download(search, network.name, tmp_path / "net.onnx", target=front.target)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == network.file_sha256 == SHA256[1]
        archive = client.bundle(search, network.name, tmp_path / "net.zip", target=front.target)
        assert packed(archive.read_bytes())[0] == FILES[1]
        assert client.download(search, NAME, tmp_path / "net.onnx").read_bytes() == FILES[0]
        subnet = front.subnets[network.name]
        assert client.subnet(subnet, target=front.target).network == network
        job = client.export(subnet, "fp32", target=front.target)
        assert asked_of(stores, JobKind.EXPORT) == [(NAME, 2)]
        done(stores, subnet, 2)
        assert client.download_export(job.id, tmp_path / "made.onnx").read_bytes() == FILES[1]
        tuned = client.finetune(subnet, 3, target=front.target)
        done(stores, subnet, 2)
        assert client.subnet(tuned.links["subnet"].rpartition("/")[2]).target == 2
        assert asked_of(stores, JobKind.FINETUNE) == [(NAME, 2)]


Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def second() -> dict[str, Any]:
    """What is different about the second target."""
    return {}


@pytest.fixture(params=["here", "at a service"])
def command(
    request: pytest.FixtureRequest,
    second: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """Runs `hwnas` on the search, with the store of this machine and with a service."""
    monkeypatch.chdir(tmp_path)

    def ran(*words: str) -> tuple[int, Any]:
        status = run([*words, "--json"])
        return status, json.loads(capsys.readouterr().out)

    if request.param == "here":
        settings = Settings(home=tmp_path / "home")
        monkeypatch.setenv("HWNAS_HOME", str(settings.home))
        monkeypatch.setattr(made_exports, "worker_beside", working)
        with opened_stores(settings) as stores:
            written_twice(stores, **second)
        yield ran
        return
    with running(tmp_path / "there") as found, making(found.stores):
        written_twice(found.stores, **second)
        monkeypatch.setenv("HWNAS_KEY", found.key)
        monkeypatch.setenv("HWNAS_SERVER", found.url)
        yield ran


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (("latest", "--best", "--target", "2"), 2),
        (("latest", "--best", "--target", "1"), 1),
        # Both have it, and the second is faster with it.
        (("latest", "--best"), 2),
        (("latest", "--name", NAME, "--target", "2"), 2),
        (("latest", "--name", NAME), 1),
        (("SUBNET", "--target", "2"), 2),
        (("SUBNET", "--target", "1"), 1),
        (("SUBNET",), 1),
        (("latest", "--best", "--target", "host"), 2),
        (("SUBNET", "--target", "host"), 1),
        (("SUBNET", "--target", "2", "--precision", "fp32"), 2),
        (("latest", "--best", "--target", "2", "--precision", "fp32"), 2),
        (("SUBNET", "--target", "1", "--precision", "int8"), 1),
    ],
)
def test_the_file_of_the_target_that_is_named_is_delivered(
    words: tuple[str, ...], number: int, command: Command, tmp_path: Path
) -> None:
    (found,) = command("searches", "list")[1]["searches"]
    meant = [f"{found['id']}.{NAME}" if word == "SUBNET" else word for word in words]
    status, told = command("export", *meant, "--out", str(tmp_path / "net.onnx"))
    assert (status, told["network"]["name"], told["target_number"]) == (0, NAME, number)
    assert (tmp_path / "net.onnx").read_bytes() == FILES[number - 1]
    assert told["network"]["file_sha256"] == SHA256[number - 1]
    folder = tmp_path / "bundle"
    assert command("export", *meant, "--out", str(folder))[0] == 0
    assert (folder / "model.onnx").read_bytes() == FILES[number - 1]
    measured = json.loads((folder / "measurements.json").read_text(encoding="utf-8"))
    assert measured["latency"]["median_ms"] == 0.40 / number


@pytest.mark.parametrize("second", [{"device": "pi5"}])
def test_a_device_is_asked_for_by_its_name_where_there_are_several(command: Command, tmp_path: Path) -> None:
    error = command("export", "latest", "--best", "--under", "latency_ms=20")[1]["error"]
    assert error["code"] == "ambiguous_target"
    assert "several devices, host and pi5: say which one is meant" in error["message"]
    out = tmp_path / "net.onnx"
    for device, number in (("host", 1), ("pi5", 2)):
        told = command("export", "latest", "--best", "--target", device, "--out", str(out))[1]
        assert (told["target_number"], out.read_bytes()) == (number, FILES[number - 1])
    (found,) = command("searches", "list")[1]["searches"]
    told = command("export", f"{found['id']}.{NAME}", "--target", "pi5", "--out", str(out))[1]
    assert (told["target_number"], out.read_bytes()) == (2, FILES[1])
    for asked in ("0", "3", "pi4"):
        error = command("export", "latest", "--best", "--target", asked)[1]["error"]
        assert error["code"] == "unknown_target"


@pytest.mark.parametrize("second", [{"latency": {"statistic": "p95"}}])
def test_a_median_and_a_tail_of_a_device_are_not_compared(command: Command, tmp_path: Path) -> None:
    for more in ((), ("--target", "host")):
        error = command("export", "latest", "--fastest", *more)[1]["error"]
        assert error["code"] == "ambiguous_target"
        assert "target 1 the median and target 2 the p95" in error["message"]
    out = str(tmp_path / "net.onnx")
    told = [command("export", "latest", "--best", "--target", str(at), "--out", out)[1] for at in (1, 2)]
    assert [one["target_number"] for one in told] == [1, 2]
    assert ["p95" in one["why"] for one in told] == [False, True]


def test_a_network_is_shown_for_the_target_that_is_named(command: Command) -> None:
    (found,) = command("searches", "list")[1]["searches"]
    subnet = f"{found['id']}.{NAME}"
    for more, number in (((), 1), (("--target", "2"), 2)):
        shown = command("subnets", "show", subnet, *more)[1]
        assert (shown["target"], shown["network"]["file_sha256"]) == (number, SHA256[number - 1])
    for words in (("subnets", "show", subnet), ("export", subnet), ("finetune", subnet)):
        assert command(*words, "--target", "3")[1]["error"]["code"] == "unknown_target"


def test_a_name_alone_is_looked_for_in_searches_that_have_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "home"))
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        written_twice(stores)
    finished_search(tmp_path / "home", target(network("net-other1", 0.9, 0.1)), seed=1)
    words = ["export", ONLY_SECOND, "--target", "2", "--out", str(tmp_path / "net.onnx"), "--json"]
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["target_number"] == 2
    assert (tmp_path / "net.onnx").read_bytes() == FILES[1]
