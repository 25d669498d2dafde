"""The working commands, from the words on the command line to what is printed."""

import json
from pathlib import Path

import pytest

import workers.doctor
import workers.searches
import workers.serving
from hwnas import run
from nas.settings import Settings
from nas.specs import SearchSpec, load_spec
from tests.api.handmade import SPEC, result
from workers.doctor import Check, Diagnosis
from workers.searches import SearchOutcome, demo_spec
from workers.serving import WorkerEnded


@pytest.fixture
def searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[SearchSpec]:
    """The specifications that were searched; nothing is trained."""
    specs = []

    def submit(spec: SearchSpec, *around: object) -> None:
        specs.append(spec)

    def outcome(*ended: object) -> SearchOutcome:
        return SearchOutcome(id="s-1", folder=tmp_path, report=tmp_path / "report.html", result=result("s-1"))

    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(workers.searches, "submit", submit)
    monkeypatch.setattr(workers.searches, "run_to_end", nothing_runs)
    monkeypatch.setattr(workers.searches, "outcome", outcome)
    return specs


def nothing_runs(*around: object) -> None:
    """Stand for the end of a search that nobody runs."""


def test_demo_and_search(
    searched: list[SearchSpec], repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["id"] == "s-1"
    assert run(["search", str(repository / "examples" / "digits.yaml")]) == 0
    assert "net-ccc333" in capsys.readouterr().out
    assert searched == [demo_spec(), load_spec(repository / "examples" / "digits.yaml")]
    assert searched[1].targets == SPEC.targets


def test_a_search_may_only_be_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "home"))
    spec = tmp_path / "spec.yaml"
    spec.write_text("dataset: {name: digits}")
    assert run(["search", str(spec), "--no-watch", "--json"]) == 0
    queued = json.loads(capsys.readouterr().out)
    assert queued["state"] == "queued"
    assert run(["search", str(spec), "--no-watch"]) == 0
    printed = capsys.readouterr()
    assert f"hwnas searches show {queued['id']}" in printed.out
    assert printed.err == f"search {queued['id']} goes on\n"


def test_a_worker_works_under_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[bool] = []

    def run_worker(settings: Settings, name: str, *, until_eof: bool) -> WorkerEnded:
        asked.append(until_eof)
        return WorkerEnded(name=name, reason="it was told to")

    monkeypatch.setattr(workers.serving, "run_worker", run_worker)
    assert run(["worker", "--name", "gpu-1"]) == 0
    assert capsys.readouterr().out.startswith("worker gpu-1 has ended: it was told to")
    assert run(["worker", "--until-eof"]) == 0
    assert asked == [False, True]


@pytest.mark.parametrize("command", ["search", "plan"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "no_such_file"),
        ("a: [", "invalid_yaml"),
        ("dataset: {name: digits}\nbudget: {minutes: 3}", "invalid_spec"),
        ("dataset: {name: mnist}", "invalid_spec"),
    ],
)
def test_a_wrong_specification_is_wrong_usage(
    command: str, text: str | None, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "spec.yaml"
    if text is not None:
        path.write_text(text)
    assert run([command, str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"error[{code}]: ")


@pytest.mark.parametrize(("verdict", "status"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_the_doctor_fails_where_a_check_does(
    verdict: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check = Check.model_validate({"name": "disk", "verdict": verdict, "found": "3 GiB", "fix": "free some"})
    monkeypatch.setattr(
        workers.doctor, "examine_host", lambda settings: Diagnosis(device="d", checks=(check,))
    )
    assert run(["devices", "doctor"]) == status
    assert "→ free some" in capsys.readouterr().out
    assert run(["devices", "doctor", "--json"]) == status
    assert json.loads(capsys.readouterr().out)["checks"][0]["verdict"] == verdict


def test_profiling_an_unknown_space_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "profile", "--space", "vgg"]) == 2
    assert capsys.readouterr().err.startswith("error[unknown_space]: ")
