"""A search from the command line: the demo's specification, what is shown at the end, Ctrl-C."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rich.console import Console

import workers.searches
from latency_predictors.device import host_context, host_device
from nas.pipeline.context import Progress
from nas.results import SearchResult
from nas.settings import Settings
from nas.specs import SearchSpec, load_spec
from nas.store.run_folder import start_run
from search_spaces.errors import UsageError
from tests.api.handmade import SPEC, lookup_table, result, saved_table
from workers.searches import SearchOutcome, demo_spec, search, search_file


def test_the_demo_is_the_smallest_example_with_stock_networks_beside_it(repository: Path) -> None:
    example = load_spec(repository / "examples" / "digits.yaml")
    stock = ("mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2", "resnet")
    changes = {"references": stock, "supernet": demo_spec().supernet}
    assert demo_spec() == example.model_copy(update=changes)
    # A budget's worth of training would leave nothing to choose between.
    assert demo_spec().supernet.epochs == 100


def test_a_search_ends_with_its_folder_and_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_search(spec: SearchSpec, settings: Settings, progress: Progress) -> SearchResult:
        run = start_run(settings.searches, spec)
        progress.step("train", 1, 1)
        return result(run.id, spec=spec)

    monkeypatch.setattr(workers.searches, "run_search", run_search)
    outcome = search(SPEC, Settings(home=tmp_path))
    assert outcome.report == tmp_path / "searches" / outcome.id / "report.html"
    assert outcome.result.spec == SPEC


def test_the_end_shows_the_front_and_how_to_go_on(tmp_path: Path) -> None:
    outcome = SearchOutcome(
        id="digits-1",
        folder=tmp_path / "digits-1",
        report=tmp_path / "digits-1" / "report.html",
        result=result("digits-1"),
    )
    console = Console(width=70, file=io.StringIO(), record=True)
    console.print(outcome, crop=False)
    text = console.export_text()
    assert "net-ccc333" in text
    assert str(outcome.report) in text.replace("\n", "")
    # The middle of the front takes 0.20 ms, the upper end of its interval is at 0.21.
    assert "hwnas export digits-1 --best --under latency_ms=0.21 " in text


def test_a_specification_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        search_file(tmp_path / "none.yaml", Settings(home=tmp_path))
    assert caught.value.code == "no_such_file"
    assert not (tmp_path / "searches").exists()


def test_ctrl_c_leaves_a_search_that_can_go_on(tmp_path: Path, repository: Path) -> None:
    name = f"{host_device().digest[:12]}-{host_context().digest[:12]}"
    saved_table(tmp_path / "home", lookup_table(), name)
    spec = tmp_path / "long.yaml"
    spec.write_text(yaml.safe_dump({"dataset": {"name": "digits"}, "supernet": {"epochs": 50_000}}))
    # A test run in the background has the signal ignored, and its children inherit that.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{listen}; import hwnas; hwnas.main()", "search", str(spec), "--json"]
    with subprocess.Popen(
        command,
        cwd=repository,
        env={**os.environ, "HWNAS_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if line.startswith("train"):
                process.send_signal(signal.SIGINT)
                break
        answer, rest = process.communicate()
    assert process.returncode == 1, "".join(told) + rest
    error = json.loads(answer)["error"]
    assert error["code"] == "interrupted"
    assert "run the same command again" in error["message"]
    assert "Traceback" not in rest
    (run,) = (tmp_path / "home" / "searches").iterdir()
    assert start_run(Settings(home=tmp_path / "home").searches, load_spec(spec)).id == run.name
