"""A search from end to end, what it leaves behind, and how it goes on."""

import json
import shutil
from pathlib import Path

import pytest

from nas.pipeline import runner
from nas.pipeline.context import PhaseContext
from nas.pipeline.runner import PHASES, Timing, collect, plan_search, run_search
from nas.settings import Settings
from nas.store.run_folder import RunFolder
from search_spaces.errors import ArtifactError, TrainingError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Recorder, Stopwatch, small_spec


def test_a_search_leaves_result_report_and_bundles(finished: FinishedSearch) -> None:
    run = finished.run
    assert run.result() == finished.result
    assert (run.path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert {path.name for path in (run.path / "exports").iterdir()} == {
        Path(delivery.folder).name for delivery in finished.result.deliveries
    }
    assert sorted(path.name for path in run.path.iterdir()) == [
        "exports",
        "networks",
        "phases",
        "references",
        "report.html",
        "result.json",
        "spec.json",
    ]


def test_phases_follow_each_other_and_each_has_its_time(finished: FinishedSearch) -> None:
    assert [phase.name for phase in finished.result.phases] == list(PHASES)
    assert all(phase.seconds > 0 for phase in finished.result.phases)
    seen = list(dict.fromkeys(phase for phase, *_ in finished.progress.steps))
    assert seen == ["profile", "train", "predict", "verify", "finetune", "references", "export"]
    for phase in PHASES:
        own = [step for step in finished.progress.steps if step[0] == phase]
        assert own[0][1:3] == (0, 1)
        assert own[-1][1:3] == (1, 1)


def test_collecting_again_gives_the_same_result(finished: FinishedSearch) -> None:
    again = collect(finished.context())
    assert again.model_copy(update={"finished_at": finished.result.finished_at}) == finished.result


def test_a_damaged_phase_is_named_when_results_are_collected(
    finished: FinishedSearch, tmp_path: Path
) -> None:
    shutil.copytree(finished.run.path, tmp_path / finished.run.id)
    run = RunFolder(tmp_path / finished.run.id)
    (run.path / "phases" / "predict.json").write_text("{}")
    ctx = finished.context()
    with pytest.raises(ArtifactError) as caught:
        collect(PhaseContext(ctx.spec, ctx.settings, ctx.dataset, ctx.space, run, Recorder()))
    assert caught.value.code == "damaged_file"
    assert "predict.json" in caught.value.message


def test_finished_phases_are_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    broken = {"train"}

    def phase(name: str) -> object:
        def run(ctx: PhaseContext) -> None:
            ran.append(name)
            if name in broken:
                raise TrainingError("loss_not_finite", "the loss is no number")

        return run

    monkeypatch.setattr(runner, "PHASES", {name: phase(name) for name in ("profile", "train", "predict")})
    settings = Settings(home=tmp_path)
    with pytest.raises(TrainingError):
        run_search(small_spec(), settings, Recorder())
    assert ran == ["profile", "train"]
    (folder,) = settings.searches.iterdir()
    assert RunFolder(folder).has("profile.time")
    assert not RunFolder(folder).has("train.time")
    broken.clear()
    ran.clear()
    again = Recorder()
    monkeypatch.setattr(runner, "collect", _stop)
    with pytest.raises(StopIteration):
        run_search(small_spec(), settings, again)
    assert ran == ["train", "predict"]
    assert again.said == ["phase profile is done already"]


def _stop(ctx: PhaseContext) -> None:
    raise StopIteration


def test_a_search_that_only_lacks_its_result_measures_and_trains_nothing(
    finished: FinishedSearch, tmp_path: Path, watch: Stopwatch
) -> None:
    """Killed while the report was written: every phase is done, the result is not there."""
    shutil.copytree(finished.run.path, tmp_path / "searches" / finished.run.id)
    (tmp_path / "searches" / finished.run.id / "result.json").unlink()
    (tmp_path / "searches" / finished.run.id / "report.html").unlink()
    result = run_search(small_spec(), Settings(home=tmp_path), Recorder())
    assert watch.asked == []
    assert result.model_copy(update={"finished_at": ""}) == finished.result.model_copy(
        update={"finished_at": ""}
    )
    assert (tmp_path / "searches" / finished.run.id / "report.html").is_file()
    assert not (tmp_path / "supernets").exists()


def test_documents_on_disk_are_json_for_other_programs(finished: FinishedSearch) -> None:
    for path in (finished.run.path / "phases").glob("*.json"):
        json.loads(path.read_bytes())
    assert finished.run.load("train.time", Timing).seconds > 0


def test_a_plan_leaves_nothing_behind(tmp_path: Path) -> None:
    plan = plan_search(small_spec(), Settings(home=tmp_path), Recorder())
    assert plan.epochs == 2
    assert list(tmp_path.iterdir()) == []
