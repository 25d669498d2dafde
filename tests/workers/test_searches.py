"""Searches as jobs of the command line: submitted once, watched, ended with what the user reads, Ctrl-C."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from rich.console import Console

from nas.job_records import JobRequest
from nas.jobs import Cancelled, Fault, Faulted, Infeasible, JobKind, JobState, Outcome, Succeeded
from nas.settings import Settings
from nas.specs import load_spec, parse_spec
from nas.store.searches import all_searches
from nas.store.stores import opened_stores
from search_spaces.errors import HwnasError, InfeasibleError, UsageError
from tests.api.handmade import FRONT, SPEC, result, target
from tests.nas.pipeline.small_search import DOCUMENT, Recorder, small_spec
from tests.workers.jobs_at_work import TENANT, Workplace
from workers import searches
from workers.searches import (
    SearchOutcome,
    Submitted,
    demo_spec,
    ended_otherwise,
    outcome,
    run_to_end,
    search_file,
    submit,
    submit_once,
)


def drawn(document: Any, width: int = 70) -> str:
    """What people see."""
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(document, crop=False)
    return console.export_text()


def test_the_demo_is_the_smallest_example_with_stock_networks_beside_it(repository: Path) -> None:
    example = load_spec(repository / "examples" / "digits.yaml")
    stock = ("mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2", "resnet")
    demo = demo_spec()
    changes = {
        "references": stock,
        **{name: getattr(demo, name) for name in ("supernet", "verify", "finetune")},
    }
    assert demo == example.model_copy(update=changes)
    # A budget's worth of training would leave nothing to choose between.
    assert demo.supernet.epochs == 76
    assert demo.finetune.points == 1


def settle(place: Workplace, outcome: Outcome) -> None:
    """Claim the job that is due and end its attempt."""
    (claim,) = place.stores.queue.claim("w")
    place.stores.queue.settle(claim.lease, outcome)


def test_a_search_is_queued_with_its_whole_specification(place: Workplace) -> None:
    job = submit(SPEC, place.settings, place.stores, place.shown)
    assert (job.kind, job.state, job.name) == (JobKind.SEARCH, JobState.QUEUED, "digits")
    assert place.stores.stored(job).spec() == SPEC
    assert job.id.startswith("digits-")
    assert place.shown.said == []


def test_the_unfinished_search_of_the_same_specification_goes_on(place: Workplace) -> None:
    job = submit(SPEC, place.settings, place.stores, place.shown)
    assert submit(SPEC, place.settings, place.stores, place.shown).id == job.id
    assert place.shown.said == [f"search {job.id} goes on"]
    other = submit(SPEC.model_copy(update={"seed": 1}), place.settings, place.stores, place.shown)
    assert other.id != job.id


@pytest.mark.parametrize(
    "ended",
    [Succeeded(), Cancelled(), Infeasible("infeasible_limits", "m"), Faulted(Fault.BAD_DATA, "x", "m")],
)
def test_one_that_has_ended_is_another_search(place: Workplace, ended: Outcome) -> None:
    job = submit(SPEC, place.settings, place.stores, place.shown)
    settle(place, ended)
    assert submit(SPEC, place.settings, place.stores, place.shown).id != job.id


def test_one_that_is_parked_is_queued_again(place: Workplace) -> None:
    job = submit(SPEC, place.settings, place.stores, place.shown)
    settle(place, Faulted(Fault.POISON, "x", "m"))
    assert place.state(job) is JobState.PARKED
    again = submit(SPEC, place.settings, place.stores, place.shown)
    assert (again.id, again.state) == (job.id, JobState.QUEUED)


def test_one_that_is_being_cancelled_is_not_gone_on_with(place: Workplace) -> None:
    job = submit(SPEC, place.settings, place.stores, place.shown)
    assert place.stores.queue.claim("w")
    place.stores.jobs.request_cancel(TENANT, job.id)
    assert submit(SPEC, place.settings, place.stores, place.shown).id != job.id


def test_those_of_others_are_not_gone_on_with(place: Workplace) -> None:
    job = submit(SPEC, place.settings, place.stores, place.shown)
    acme = place.settings.model_copy(update={"tenant": "acme"})
    other = submit(SPEC, acme, place.stores, place.shown)
    assert (other.tenant, job.tenant) == ("acme", "local")
    assert other.id != job.id


def test_jobs_of_other_kinds_are_found_alike(place: Workplace) -> None:
    request = JobRequest(JobKind.PROFILE, {"space": "x"}, "profile")
    first = submit_once(request, place.settings, place.stores, place.shown)
    assert submit_once(request, place.settings, place.stores, place.shown).id == first.id
    assert place.shown.said == [f"profile {first.id} goes on"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"dataset": {"name": "image_folder", "path": "/nothing/here"}}, "dataset_not_found"),
        ({"space": {"name": "vgg", "preset": "tiny"}}, "unknown_space"),
        ({"space": {"name": "mobilenet_v3", "preset": "huge"}}, "unknown_preset"),
    ],
)
def test_a_typing_error_leaves_nothing_behind(place: Workplace, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(HwnasError) as caught:
        submit(small_spec(**changes), place.settings, place.stores, place.shown)
    assert caught.value.code == code
    assert all_searches(place.stores, TENANT) == []


def test_what_is_wrong_with_the_images_is_said(place: Workplace, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 9), dtype=np.uint8)).save(path)
    (tmp_path / "images" / "a" / "torn.png").write_bytes(b"no image")
    spec = small_spec(dataset={"name": "image_folder", "path": str(tmp_path / "images")})
    submit(spec, place.settings, place.stores, place.shown)
    (said,) = place.shown.said
    assert said.startswith("note: files that are not used: 1, first 'a/torn.png'")


def test_a_specification_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        search_file(tmp_path / "none.yaml", Settings(home=tmp_path / "home"), watched=True)
    assert caught.value.code == "no_such_file"
    assert not (tmp_path / "home").exists()


def test_a_search_goes_on_without_missing_boards_where_the_command_says_so(
    place: Workplace, tmp_path: Path
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({**DOCUMENT, "targets": [{"device": "host"}, {"device": "pi5"}]}))
    place.stores.keys.create(TENANT, "pi5", ["device"])
    with pytest.raises(UsageError, match="no device is named 'pi5'"):
        search_file(path, place.settings, watched=False)
    search_file(path, place.settings, watched=False, proceed=True)
    (job,) = all_searches(place.stores, TENANT)
    assert job.spec["when_missing"] == "proceed"


def test_a_search_may_only_be_queued(place: Workplace, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(DOCUMENT))
    queued = search_file(path, place.settings, watched=False)
    assert isinstance(queued, Submitted)
    (job,) = all_searches(place.stores, TENANT)
    assert (queued.id, queued.state) == (job.id, "queued")
    assert f"hwnas searches show {job.id}" in drawn(queued, 40)
    assert place.stores.workers.alive() == ()


def test_a_search_ends_with_its_folder_and_report(searched_home: Path) -> None:
    settings = Settings(home=searched_home)
    with opened_stores(settings) as stores:
        (job,) = all_searches(stores, TENANT)
        ended = outcome(job, settings, stores)
        assert outcome(job, settings, stores) == ended, "it may be written again"
    assert ended.folder == settings.searches / job.id
    assert "<html" in ended.report.read_text(encoding="utf-8")
    for delivery in ended.result.deliveries:
        assert (ended.folder / delivery.folder / "model.onnx").is_file()


def test_the_end_shows_the_front_and_how_to_go_on(tmp_path: Path) -> None:
    ended = SearchOutcome(
        id="digits-1",
        folder=tmp_path / "digits-1",
        report=tmp_path / "digits-1" / "report.html",
        result=result("digits-1"),
    )
    text = drawn(ended)
    assert "net-ccc333" in text
    assert str(ended.report) in text.replace("\n", "")
    # The middle of the front takes 0.20 ms, the upper end of its interval is at 0.21.
    assert "hwnas export digits-1 --best --under latency_ms=0.21 " in text
    assert "--target" not in text


def test_with_several_targets_the_way_on_names_the_first(tmp_path: Path) -> None:
    several = result("digits-1", target(*FRONT), target(*FRONT))
    report = tmp_path / "digits-1" / "report.html"
    ended = SearchOutcome(id="digits-1", folder=report.parent, report=report, result=several)
    assert "hwnas export digits-1 --best --under latency_ms=0.21 --target 1 " in drawn(ended)


@pytest.mark.parametrize(
    ("ended", "kind", "code", "said"),
    [
        (
            Infeasible("infeasible_limits", "raise it to 3 ms"),
            InfeasibleError,
            "infeasible_limits",
            "raise it",
        ),
        (Cancelled(), HwnasError, "cancelled", "run the same command again to go on"),
        (Faulted(Fault.BAD_DATA, "empty_class", "no cats"), HwnasError, "empty_class", "no cats"),
        (Faulted(Fault.BAD_DATA, "dataset_not_found", "it is gone"), HwnasError, "dataset_not_found", "gone"),
        (Faulted(Fault.POISON, "worker_failed", "it died"), HwnasError, "worker_failed", "mend the cause"),
    ],
)
def test_whatever_else_ends_a_search_is_an_error_of_its_own(
    place: Workplace, ended: Outcome, kind: type[HwnasError], code: str, said: str
) -> None:
    job = submit(SPEC, place.settings, place.stores, place.shown)
    settle(place, ended)
    error = ended_otherwise(place.get(job))
    assert (type(error), error.code) == (kind, code)
    assert said in error.message
    with pytest.raises(kind):
        outcome(place.get(job), place.settings, place.stores)


def interrupted(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> str:
    """What Ctrl-C tells whoever watches a search."""

    def stopped(*words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(searches, "watch", stopped)
    job = submit(SPEC, place.settings, place.stores, place.shown)
    with pytest.raises(HwnasError) as caught:
        run_to_end(job, place.settings, place.stores, Recorder())
    assert caught.value.code == "interrupted"
    assert job.id in caught.value.message
    return caught.value.message


def test_ctrl_c_says_how_to_go_on(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    told = interrupted(place, monkeypatch)
    assert told.startswith("stopped as you asked; what was finished is kept: run the same command again")
    assert "hwnas worker" in told


def test_ctrl_c_says_that_a_worker_goes_on_which_was_there_before(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.stores.workers.register("gpu-1", {})
    told = interrupted(place, monkeypatch)
    assert "goes on without you, with worker gpu-1" in told
    assert "hwnas searches cancel" in told


def test_ctrl_c_leaves_a_search_that_can_go_on(searched_home: Path, tmp_path: Path, repository: Path) -> None:
    spec = tmp_path / "long.yaml"
    spec.write_text(yaml.safe_dump({**DOCUMENT, "supernet": {"epochs": 50_000}}))
    # A test run in the background has the signal ignored, and its children inherit that.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{listen}; import hwnas; hwnas.main()", "search", str(spec), "--json"]
    with subprocess.Popen(
        command,
        cwd=repository,
        env={**os.environ, "HWNAS_HOME": str(searched_home)},
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
    with opened_stores(Settings(home=searched_home)) as stores:
        job = all_searches(stores, TENANT)[-1]
        assert (job.state, job.faults) == (JobState.QUEUED, {})
        assert stores.workers.alive() == ()
        assert submit(load_spec(spec), Settings(home=searched_home), stores, Recorder()).id == job.id


def test_a_specification_names_a_registered_data_set(tmp_path: Path) -> None:
    settings, path = Settings(home=tmp_path / "home"), tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({**DOCUMENT, "dataset": {"name": "stored", "id": "mine"}}))
    with opened_stores(settings) as stores:
        added = stores.datasets.add("local", "mine", DOCUMENT["dataset"])
        with pytest.raises(UsageError) as caught:
            search_file(path, settings, watched=False)
        assert caught.value.code == "dataset_not_ready"
        (claim,) = stores.queue.claim("tests")
        stores.datasets.judge(claim.lease, added.id, "ready", {}, "d" * 64)
        submitted = search_file(path, settings, watched=False)
        assert isinstance(submitted, Submitted)
        job = stores.jobs.get("local", submitted.id)
    assert job.name == "mine"
    assert parse_spec(job.spec) == small_spec()
