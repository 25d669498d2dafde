"""What is delivered to a board is scored there; where that says something else, it is not called verified."""

from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from latency_predictors.agent_protocol import Score
from latency_predictors.protocol import FILE_ERRORS
from latency_predictors.scoring import read_images
from nas.export.classifier import OnnxClassifier
from nas.jobs import Waiting
from nas.pipeline import export
from nas.pipeline.board_scores import MIN_IMAGES, scored_images, with_scores
from nas.pipeline.context import Done, PhaseContext
from nas.pipeline.export import ExportDocument
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.sites import target_site
from nas.publication import statuses
from nas.results import BoardScore, TargetResult
from nas.store.agent_store import Agent
from nas.store.audit_log import Actor
from search_spaces.errors import MeasurementError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home
from tests.nas.report.documents import accuracy, latency
from tests.nas.store.boards import INSTANCE, new_board, told

Classes = Callable[[OnnxClassifier, Any], list[int]]


def as_here(classifier: OnnxClassifier, images: Any) -> list[int]:
    """What the host answers."""
    return [int(one) for one in classifier.run(images).argmax(axis=1)]


def scores_all(ctx: PhaseContext, agent: Agent, number: int, answer: Classes) -> int:
    """Have a board score what is asked of it; how many files that were."""
    stores = ctx.stores
    found = stores.agent_queue.ask(agent, INSTANCE, number)
    assert found is not None
    lease, batch = found
    images = read_images(stores.artifacts.local_path(batch.images, ".npy"))
    for subject in batch.artifacts:
        classifier = OnnxClassifier(stores.artifacts.local_path(subject, ".onnx"))
        score = Score(subject=subject, images=batch.images, classes=tuple(answer(classifier, images)))
        stores.measurements.deliver_scores(lease, batch.context.digest, [score])
    stores.measurements.give_back(lease)
    return len(batch.artifacts)


@pytest.fixture
def board(copied: Home) -> Agent:
    """A board of the installation."""
    return new_board(copied.stores.engine, tenant="local")


def context(copied: Home, finished: FinishedSearch) -> tuple[PhaseContext, TargetResult]:
    """A search that delivers to the board what was found for the host."""
    ctx = copied.context(targets=[{"device": "pi5"}])
    site = target_site(ctx, ctx.spec.targets[0])
    facts = {"device": asdict(site.device), "context": asdict(site.context)}
    there = finished.target.model_copy(update={"target": ctx.spec.targets[0], **facts})
    ctx.run.save("finetune", FinetuneDocument(targets=(there,), cpu_seconds=0.0, weights={}))
    return ctx, there


def test_delivered_files_are_scored_on_the_board_and_say_so(
    copied: Home, finished: FinishedSearch, board: Agent
) -> None:
    ctx, there = context(copied, finished)
    assert export.run(ctx) == Waiting()
    scored = scores_all(ctx, board, 1, as_here)
    assert export.run(ctx) == Done()
    document = ctx.run.load(export.NAME, ExportDocument)
    (found,) = document.with_test_accuracies([there])
    delivered = [one for one in found.networks if one.board is not None]
    assert len(delivered) == scored == len(document.deliveries)
    for one in delivered:
        assert one.board is not None
        assert (one.board.accuracy.scored_on, one.board.host.scored_on) == ("target", "host")
        assert one.board.accuracy.value == one.board.host.value, "the same file on the same processor"
        assert one.board.accuracy.num_images == 80, "all validation images: there are fewer than 500"
        assert one.status == "front"
    assert len(found.front) == len(there.front)


def test_a_file_that_answers_otherwise_there_is_not_called_verified_and_another_one_is_delivered(
    copied: Home, finished: FinishedSearch, board: Agent
) -> None:
    ctx, there = context(copied, finished)
    assert export.run(ctx) == Waiting()
    labels = ctx.dataset.labels("validation")[scored_images(ctx, 16)[0]]
    scores_all(ctx, board, 1, lambda classifier, images: [int(one) for one in (labels + 1) % 4])
    number = 1
    while export.run(ctx) != Done():
        number += 1
        scores_all(ctx, board, number, as_here)
    document = ctx.run.load(export.NAME, ExportDocument)
    (found,) = document.with_test_accuracies([there])
    refused = [one for one in found.networks if one.status == "unverified"]
    assert refused
    assert not {one.name for one in refused} & {one.name for one in document.deliveries}
    limits = {str(name): limit for name, limit in there.target.limits.items()}
    others = [one for one in found.networks if one not in refused]
    assert [one.status for one in others] == statuses(others, ctx.spec.search.objectives, limits)
    said = [line for line in ctx.progress.said if "is not verified on pi5" in line]  # type: ignore[attr-defined]
    assert len(said) >= len(refused)
    assert "there it gets 0.0 % of 80 images right" in said[0]


def test_a_board_that_runs_otherwise_than_it_was_measured_scores_nothing(
    copied: Home, finished: FinishedSearch, board: Agent
) -> None:
    ctx, _ = context(copied, finished)
    slower = told(power_mode="governor powersave")
    copied.stores.agents.register("local", Actor("ann", board.key_id), slower)
    with pytest.raises(MeasurementError, match="has measured 'pi5' with") as caught:
        export.run(ctx)
    assert caught.value.code == "context_mismatch"
    assert "governor powersave now" in caught.value.message
    assert copied.stores.agent_queue.load(board.device.digest).pending == 0


def fails_all(ctx: PhaseContext, agent: Agent, code: str, *, own: bool = False) -> None:
    """Have a board tell that it cannot score what is asked of it."""
    found = ctx.stores.agent_queue.ask(agent, INSTANCE, agent.asked + 1)
    assert found is not None
    lease, batch = found
    ctx.stores.measurements.fail(lease, batch, list(batch.artifacts), code, "it is told", own=own)
    ctx.stores.measurements.give_back(lease)


@pytest.mark.parametrize("code", ["artifact_missing", "disk_full", "session_died"])
def test_whoever_asks_for_scores_is_told_what_kept_the_board_from_them_and_asks_again(
    copied: Home, finished: FinishedSearch, board: Agent, code: str
) -> None:
    ctx, _ = context(copied, finished)
    assert export.run(ctx) == Waiting()
    fails_all(ctx, board, code, own=code == "session_died")
    with pytest.raises(MeasurementError, match="it is told") as caught:
        export.run(ctx)
    assert caught.value.code == code
    assert export.run(ctx) == Waiting(), "it is tried again: no accuracy of the host's passes for the board's"


@pytest.mark.parametrize("code", ["file_not_loadable", "context_unsupported"])
def test_what_a_board_cannot_score_at_all_has_the_accuracy_of_the_host(
    copied: Home, finished: FinishedSearch, board: Agent, code: str
) -> None:
    ctx, there = context(copied, finished)
    assert export.run(ctx) == Waiting()
    fails_all(ctx, board, code, own=code in FILE_ERRORS)
    assert export.run(ctx) == Done()
    (found,) = ctx.run.load(export.NAME, ExportDocument).with_test_accuracies([there])
    assert {one.board for one in found.networks} == {None}
    assert any(f"the host's ({code}" in line for line in ctx.progress.said)  # type: ignore[attr-defined]


def test_enough_images_travel_and_no_more_than_boards_have_room_for() -> None:
    labels = np.arange(20_000)

    def of(num_confirm: int, num_validation: int, resolution: int) -> tuple[int, str]:
        folds = (SimpleNamespace(confirm=np.arange(num_confirm)),)
        dataset = SimpleNamespace(folds=folds, labels=lambda part: labels[:num_validation], num_channels=3)
        ctx: Any = SimpleNamespace(dataset=dataset, spec=SimpleNamespace(seed=0))
        positions, part = scored_images(ctx, resolution)
        assert (np.diff(positions) > 0).all()
        return len(positions), part

    assert of(90, 180, 32) == (180, "validation")
    assert of(400, 10_000, 32) == (1_000, "validation")
    assert of(5_000, 10_000, 32) == (1_000, "confirm")
    assert of(5_000, 10_000, 512) == (MIN_IMAGES, "confirm")


def test_an_accuracy_beyond_chance_takes_a_network_off_the_front_and_what_it_dominated_comes_onto_it(
    copied: Home, finished: FinishedSearch, board: Agent
) -> None:
    ctx, there = context(copied, finished)
    first, other, *_ = there.networks
    better = first.model_copy(update={"accuracy": accuracy(0.9), "latency": latency(0.1), "status": "front"})
    worse = other.model_copy(
        update={"accuracy": accuracy(0.8), "latency": latency(0.2), "status": "dominated", "tied_with": ()}
    )
    there = there.model_copy(update={"networks": (better, worse)})
    on_board = accuracy(0.8, 500, "confirm").model_copy(update={"scored_on": "target"})
    agrees = BoardScore(accuracy=on_board, host=accuracy(0.81, 500, "confirm"))
    differs = BoardScore(accuracy=on_board, host=accuracy(0.9, 500, "confirm"))
    assert (agrees.agrees, differs.agrees) == (True, False)

    def status(score: BoardScore) -> dict[str, str]:
        found = with_scores(ctx, there, {better.file_sha256: score})
        return {one.name: one.status for one in found.networks}

    assert status(agrees) == {better.name: "front", worse.name: "dominated"}
    assert status(differs) == {worse.name: "front", better.name: "unverified"}


def test_what_comes_onto_the_front_is_scored_on_the_board_before_it_is_delivered(
    copied: Home, finished: FinishedSearch, board: Agent
) -> None:
    ctx, there = context(copied, finished)
    first, other, *_ = there.networks
    better = first.model_copy(update={"latency": latency(0.1), "status": "front", "tied_with": ()})
    worse = other.model_copy(update={"latency": latency(0.2), "status": "dominated", "tied_with": ()})
    if worse.accuracy.value > better.accuracy.value:
        worse = worse.model_copy(update={"accuracy": better.accuracy})
    there = there.model_copy(update={"networks": (better, worse)})
    ctx.run.save("finetune", FinetuneDocument(targets=(there,), cpu_seconds=0.0, weights={}))
    assert export.run(ctx) == Waiting()
    labels = ctx.dataset.labels("validation")[scored_images(ctx, 16)[0]]
    wrong = [int(one) for one in (labels + 1) % 4]
    assert scores_all(ctx, board, 1, lambda classifier, images: wrong) == 1
    assert export.run(ctx) == Waiting()
    assert scores_all(ctx, board, 2, as_here) == 1
    assert export.run(ctx) == Done()
    document = ctx.run.load(export.NAME, ExportDocument)
    (found,) = document.with_test_accuracies([there])
    assert {one.name: one.status for one in found.networks} == {
        worse.name: "front",
        better.name: "unverified",
    }
    assert [one.name for one in document.deliveries] == [worse.name]
