"""Threats of docs/explanation/security.md that no other test is about; and each row there names what is."""

import re
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from packaging.version import Version

from api.resources.downloads import _headers
from tests.api.served import Caller, code, served
from tests.api.test_limits import NASTY
from tests.api.world import BODIES, World, operations, world
from tests.rules.sources import ROOT, functions
from tests.rules.test_dependencies import pins

PAGE = ROOT / "docs" / "explanation" / "security.md"
ROW = re.compile(r"^\| (T\d+) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
# The lowest versions without a known hole that could be reached here.
FLOORS = {
    "h11": "0.16.0",
    "onnx": "1.21.0",
    "python-multipart": "0.0.27",
    "ray": "2.54.0",
    "starlette": "1.0.1",
    "torch": "2.10.0",
}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service in which there is one of everything."""
    with world(tmp_path_factory.mktemp("world") / "home", requests_per_s=100_000) as found:
        yield found


def test_every_threat_has_its_defence_and_a_test_that_exists() -> None:
    rows = {number: (defence, named) for number, _, defence, named in ROW.findall(PAGE.read_text("utf-8"))}
    assert list(rows) == [f"T{number}" for number in range(1, 45)]
    for number, (defence, named) in rows.items():
        tests = TEST.findall(named)
        assert tests or defence.startswith(("Does not apply", "Not defended")), number
        for path, name in tests:
            assert name in {one.name for one in functions(Path(path))}, (number, path, name)


@pytest.mark.parametrize("host", ["evil.example", "localhost/x", "localhost?x", "localhost#x", "[::1", ""])
def test_no_host_opens_or_moves_anything(api: Caller, host: str) -> None:
    for path in ("/v1/searches", "/livez", "/v1/searches/health"):
        answer = api.client.get(path, headers={"host": host})
        assert code(answer) == (400, "bad_request"), path


@pytest.mark.parametrize(
    "name", ["health", "ready", "docs", "livez", "..%2f..%2flivez", "%2e%2e", "x;/livez"]
)
def test_a_name_that_sounds_public_is_not(api: Caller, name: str) -> None:
    assert api.client.get(f"/v1/searches/{name}").status_code in (401, 404)
    assert api.client.get(f"/v1/datasets/{name}").status_code in (401, 404)


@pytest.mark.parametrize("body", [body for body in NASTY if body != b"{}"])  # which some take
def test_no_operation_takes_a_nasty_body(full: World, body: bytes) -> None:
    with_json = [one for one in operations(full.api.app) if isinstance(BODIES.get(one.name), dict)]
    assert len(with_json) >= 3
    for operation in with_json:
        answer = full.api.send(full.path(operation), body)
        assert 400 <= code(answer)[0] < 500, operation.name


def test_many_ranges_cost_nothing(full: World) -> None:
    path = f"/v1/exports/{full.values['export_id']}/file"
    too_many = ",".join(f"{n}-{n}" for n in range(10_000))
    assert code(full.api.get(path, range=f"bytes={too_many}")) == (431, "headers_too_large")
    begun = time.process_time()
    answer = full.api.get(path, range="bytes=" + ",".join(f"{n}-{n}" for n in range(1_000)))
    assert time.process_time() - begun < 2
    assert answer.status_code in (200, 206, 416)
    assert full.api.get(path, range="bytes=0-3").content == full.api.get(path).content[:4]


@pytest.mark.parametrize(
    "name",
    ["a\r\nSet-Cookie: x=1", 'a"; filename="b', "<script>", "\u202egpj.exe", "x" * 10_000, "../../etc"],
)
def test_a_name_in_a_header_stays_one_value(name: str) -> None:
    value = _headers(f"{name}.onnx", b"")["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]{1,120}"', value)


def test_nobody_else_reads_the_home(tmp_path: Path) -> None:
    with served(tmp_path / "home"):
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def below(floors: Mapping[str, str], pinned: Mapping[str, str]) -> list[str]:
    """Packages whose pinned version is known to be vulnerable."""
    return [name for name, floor in floors.items() if Version(pinned[name]) < Version(floor)]


def test_no_package_with_a_known_hole_is_pinned() -> None:
    assert below(FLOORS, pins()) == []
    assert below(FLOORS, {**pins(), "h11": "0.14.0"}) == ["h11"]
