"""Accuracies found out on boards: what is delivered to one is scored there, on images that travel to it.

int8 arithmetic depends on the processor. A file whose accuracy on the board differs from the host's by more
than chance is not called verified there.
"""

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from latency_predictors.agent_protocol import HOST, MAX_SCORED
from latency_predictors.measure import NETWORK_PROTOCOL
from nas.choosing import choose
from nas.measurement_tasks import FILE_RANK, UNABLE, MeasurementTask
from nas.pipeline.answers import confirm_of, part_of
from nas.pipeline.context import PhaseContext
from nas.pipeline.golden import ask_golden
from nas.pipeline.measuring import layer_files
from nas.pipeline.networks import score_file
from nas.pipeline.same_site import result_site
from nas.publication import accuracy_of, front_first, published
from nas.results import BoardScore, TargetResult, VerifiedNetwork
from search_spaces.base import IntArray
from search_spaces.errors import MeasurementError

MIN_IMAGES: Final = 500
MAX_IMAGES: Final = 1_000
MAX_BYTES: Final = 96 * 2**20
"""Of images in one file: boards have little room. `MIN_IMAGES` travel in any case."""

Scores = dict[str, BoardScore]
"""By the SHA-256 of the file."""


def scored_images(ctx: PhaseContext, resolution: int) -> tuple[IntArray, str]:
    """Return the validation images that boards score, by position, and what they are called.

    Those that accuracies are published of, if these are enough; all validation images if not, and a sample
    where they are many.
    """
    folds, labels = ctx.dataset.folds, ctx.dataset.labels("validation")
    positions, part = confirm_of(folds), part_of(folds)
    if len(positions) < MIN_IMAGES:
        positions, part = np.arange(len(labels)), "validation"
    room = MAX_BYTES // (ctx.dataset.num_channels * resolution**2)
    most = min(max(MIN_IMAGES, min(MAX_IMAGES, room)), MAX_SCORED, len(positions))
    drawn = np.random.default_rng(ctx.spec.seed).permutation(positions)[:most]
    return np.sort(drawn), part


def scored_there(ctx: PhaseContext, targets: Sequence[TargetResult]) -> tuple[TargetResult, ...] | None:
    """Return targets with what their boards found of the files that are delivered; None while one scores.

    Where a file is not verified on the board, another one is delivered, and scored likewise.
    """
    found = [_scored(ctx, target) if target.target.device != HOST else target for target in targets]
    there = tuple(one for one in found if one is not None)
    return there if len(there) == len(found) else None


def with_scores(ctx: PhaseContext, target: TargetResult, scores: Scores) -> TargetResult:
    """Return a target with what its board found.

    What is not verified there is off the front and dominates nothing: what it alone kept off comes onto it.
    """
    told = [one.model_copy(update={"board": scores.get(one.file_sha256)}) for one in target.networks]
    refused = [one for one in told if one.board is not None and not one.board.agrees]
    if refused:
        off: dict[str, Any] = {"status": "unverified", "tied_with": ()}
        confirm = confirm_of(ctx.dataset.folds)
        placed = published(
            [one for one in told if one not in refused],
            lambda network: score_file(ctx, network.file_sha256, "validation")[confirm],
            ctx.spec.search.objectives,
            {str(name): limit for name, limit in target.target.limits.items()},
        )
        told = [*placed, *(one.model_copy(update=off) for one in refused)]
    return target.model_copy(update={"networks": front_first(told)})


def _scored(ctx: PhaseContext, target: TargetResult) -> TargetResult | None:
    scores: Scores = {}
    tried: set[str] = set()
    while True:
        found = with_scores(ctx, target, scores)
        chosen = choose(found.front, ctx.spec.export.points)
        wanted = [one for one, _ in chosen if one.file_sha256 not in tried]
        if not wanted:
            return found
        answers = _answers(ctx, target, wanted)
        if answers is None:
            return None
        scores |= answers
        tried |= {one.file_sha256 for one in wanted}


def _answers(ctx: PhaseContext, target: TargetResult, networks: Sequence[VerifiedNetwork]) -> Scores | None:
    """Return what a board found of networks, but for those it cannot score; None while it scores.

    Raises:
        MeasurementError: `context_mismatch` where the board is not what it was measured as; as whoever scored
            told, where that is neither a file's own fault nor what the board cannot do at all.
    """
    site = result_site(ctx, target)
    images = {one: _packed(ctx, one) for one in {network.resolution for network in networks}}
    tasks = [
        MeasurementTask(
            site.device,
            site.context,
            NETWORK_PROTOCOL,
            one.file_sha256,
            one.file_sha256,
            sessions=1,
            rank=FILE_RANK,
            deadline_ms=ctx.run.deadline_ms,
            images=images[one.resolution],
        )
        for one in networks
    ]
    report = ctx.stores.measurements.enqueue(ctx.run.lease, tasks)
    for failed in report.failed:
        if not failed.unsupported and failed.code != UNABLE:
            ask_golden(ctx, site, layer_files(site))
            raise MeasurementError(failed.code, failed.message)
    if report.pending:
        return None
    for failed in report.failed:
        ctx.progress.say(
            f"{target.target.device} could not score {failed.subject[:12]}: its accuracy is the host's "
            f"({failed.code}: {failed.message})"
        )
    scores = {}
    for one in networks:
        where = (site.device.digest, site.context.digest, images[one.resolution])
        classes = ctx.stores.measurements.answers(*where, [one.file_sha256]).get(one.file_sha256)
        if classes is not None:
            scores[one.file_sha256] = _compared(ctx, target, one, np.array(classes))
    return scores


def _packed(ctx: PhaseContext, resolution: int) -> str:
    """Return the digest of images at a resolution, as `latency_predictors.scoring.read_images` reads them."""
    positions, _ = scored_images(ctx, resolution)
    packed = io.BytesIO()
    np.save(packed, ctx.dataset.images("validation", resolution)[positions], allow_pickle=False)
    return ctx.stores.artifacts.put(packed.getvalue())


def _compared(
    ctx: PhaseContext, target: TargetResult, network: VerifiedNetwork, classes: IntArray
) -> BoardScore:
    positions, part = scored_images(ctx, network.resolution)
    right = classes == ctx.dataset.labels("validation")[positions]
    there = accuracy_of(right, part).model_copy(update={"scored_on": "target"})
    here = accuracy_of(score_file(ctx, network.file_sha256, "validation")[positions], part)
    score = BoardScore(accuracy=there, host=here)
    if not score.agrees:
        ctx.progress.say(
            f"{network.name} is not verified on {target.target.device}: there it gets "
            f"{100 * there.value:.1f} % of {there.num_images} images right ({100 * there.lower:.1f} to "
            f"{100 * there.upper:.1f} %), here {100 * here.value:.1f} %"
        )
    return score
