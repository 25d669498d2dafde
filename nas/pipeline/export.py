"""Phase `export`: choose points of the fronts and score them on the test images.

The files are in the artifact store since they were verified; `nas.pipeline.deliver` writes bundles of them.
"""

from collections.abc import Sequence
from typing import Final

from latency_predictors.arena import ARENA_RUNTIME
from latency_predictors.device import facts_digest
from nas.choosing import choose
from nas.export.card import SCORING_RUNTIME
from nas.jobs import Waiting
from nas.pipeline.board_scores import scored_there
from nas.pipeline.context import Done, PhaseContext, PhaseEnd
from nas.pipeline.finetune import NAME as FINETUNE
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.measured_files import measure_sustained
from nas.pipeline.networks import compare_runtimes, held_by_runtime, score_file
from nas.pipeline.same_site import result_site
from nas.publication import accuracy_of
from nas.results import Accuracy, Agreement, Delivery, Document, Sustained, TargetResult, VerifiedNetwork

NAME: Final = "export"


class ExportDocument(Document):
    """What is delivered.

    Attributes:
        test_accuracies: Of delivered networks, by the SHA-256 of their files.
        sustained: For each target, how they run at a stretch, by the same; empty where it was not asked for.
        agreements: For each target, whether its runtime agrees with the one that scores, by the same; empty
            where that is the same one.
        arenas: For each target, bytes that its runtime's arena held where they could be read, by the same.
        networks: Of each target, with what its board found of what was to be delivered; none in earlier
            results.
    """

    deliveries: tuple[Delivery, ...]
    test_accuracies: dict[str, Accuracy]
    sustained: tuple[dict[str, Sustained], ...] = ()
    agreements: tuple[dict[str, Agreement], ...] = ()
    arenas: tuple[dict[str, int], ...] = ()
    networks: tuple[tuple[VerifiedNetwork, ...], ...] = ()

    def with_test_accuracies(self, targets: Sequence[TargetResult]) -> tuple[TargetResult, ...]:
        """Return the targets with what was found out of what is delivered."""
        runs = self.sustained or tuple({} for _ in targets)
        agreements = self.agreements or tuple({} for _ in targets)
        arenas = self.arenas or tuple({} for _ in targets)
        networks = self.networks or tuple(target.networks for target in targets)
        return tuple(
            target.model_copy(
                update={
                    "networks": tuple(
                        network.model_copy(
                            update={
                                "test_accuracy": self.test_accuracies.get(network.file_sha256),
                                "sustained": run.get(network.file_sha256),
                                "agreement": agreed.get(network.file_sha256),
                                "arena_read_bytes": held.get(network.file_sha256),
                            }
                        )
                        for network in found
                    )
                }
            )
            for target, run, agreed, held, found in zip(
                targets, runs, agreements, arenas, networks, strict=True
            )
        )


def run(ctx: PhaseContext) -> PhaseEnd:
    """Choose what is delivered of every target; the test images are scored once, for all together."""
    targets = scored_there(ctx, ctx.run.load(FINETUNE, FinetuneDocument).targets)
    if targets is None:
        return Waiting()
    chosen = [
        (number, network, why)
        for number, target in enumerate(targets)
        for network, why in choose(target.front, ctx.spec.export.points)
    ]
    runs = _sustained(ctx, targets, chosen)
    if runs is None:
        return Waiting()
    scores: dict[str, Accuracy] = {}
    agreements: list[dict[str, Agreement]] = [{} for _ in targets]
    arenas: list[dict[str, int]] = [{} for _ in targets]
    deliveries = []
    for done, (number, network, why) in enumerate(chosen):
        file = network.file_sha256
        if file not in scores:
            scores[file] = accuracy_of(score_file(ctx, file, "test"), "test")
        runtime = targets[number].target.context.runtime
        if runtime != SCORING_RUNTIME:
            agreements[number][file] = compare_runtimes(ctx, file, runtime)
        arenas[number] |= _arena(ctx, targets[number], file)
        name = network.name if len(targets) == 1 else f"{network.name}-{number}"
        deliveries.append(
            Delivery(name=network.name, target=number, folder=f"exports/{name}", why=why, test_uses=1)
        )
        ctx.progress.step(NAME, done + 1, len(chosen), f"scored {network.name} on the test images")
    document = ExportDocument(
        deliveries=tuple(deliveries),
        test_accuracies=scores,
        sustained=runs,
        agreements=tuple(agreements),
        arenas=tuple(arenas),
        networks=tuple(target.networks for target in targets),
    )
    ctx.run.save(NAME, document)
    return Done()


def _sustained(
    ctx: PhaseContext, targets: Sequence[TargetResult], chosen: Sequence[tuple[int, VerifiedNetwork, str]]
) -> tuple[dict[str, Sustained], ...] | None:
    """Return for each target how what is delivered runs at a stretch; None while that is measured."""
    seconds = ctx.spec.export.sustained_s
    if not seconds:
        return ()
    runs = []
    for number, target in enumerate(targets):
        files = [network.file_sha256 for site, network, _ in chosen if site == number]
        site, metric = result_site(ctx, target), target.target.latency.metric
        runs.append(measure_sustained(ctx, site, metric, seconds, files))
    found = tuple(run for run in runs if run is not None)
    return found if len(found) == len(runs) else None


def _arena(ctx: PhaseContext, target: TargetResult, file: str) -> dict[str, int]:
    """Return what the runtime's arena held for a file; nothing where there is none, or it cannot be read."""
    asked = target.target.context
    if (asked.runtime, asked.batch) != (ARENA_RUNTIME, 1):
        return {}
    held = held_by_runtime(ctx, file, facts_digest(target.device))
    return {} if held is None else {file: held}
