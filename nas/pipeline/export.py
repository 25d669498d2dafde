"""Phase `export`: choose points of the fronts, score them on the test images, write their bundles."""

from collections.abc import Sequence
from typing import Final

from nas.choosing import choose
from nas.pipeline.context import PhaseContext
from nas.pipeline.deliver import deliver
from nas.pipeline.finetune import NAME as FINETUNE
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.networks import score_file
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.pipeline.versions import versions
from nas.publication import accuracy_of
from nas.results import Accuracy, Delivery, Document, TargetResult

NAME: Final = "export"


class ExportDocument(Document):
    """What is delivered.

    Attributes:
        test_accuracies: Of delivered networks, by the SHA-256 of their files.
    """

    deliveries: tuple[Delivery, ...]
    test_accuracies: dict[str, Accuracy]

    def with_test_accuracies(self, targets: Sequence[TargetResult]) -> tuple[TargetResult, ...]:
        """Return the targets with the test accuracies of what is delivered."""
        return tuple(
            target.model_copy(
                update={
                    "networks": tuple(
                        network.model_copy(
                            update={"test_accuracy": self.test_accuracies.get(network.file_sha256)}
                        )
                        for network in target.networks
                    )
                }
            )
            for target in targets
        )


def run(ctx: PhaseContext) -> None:
    """Deliver the chosen points of every target; the test images are scored once, for all together."""
    targets = ctx.run.load(FINETUNE, FinetuneDocument).targets
    supernet = ctx.run.load(TRAIN, TrainDocument).summary
    chosen = [
        (number, network, why)
        for number, target in enumerate(targets)
        for network, why in choose(target.front, ctx.spec.export.points)
    ]
    scores = {
        network.file_sha256: accuracy_of(score_file(ctx, network.file_sha256, "test"), "test")
        for _, network, _ in chosen
    }
    deliveries = []
    for done, (number, network, why) in enumerate(chosen):
        scored = network.model_copy(update={"test_accuracy": scores[network.file_sha256]})
        folder = (
            ctx.run.path / "exports" / (network.name if len(targets) == 1 else f"{network.name}-{number}")
        )
        deliver(ctx.run, scored, targets[number], folder, why=why, supernet=supernet, versions=versions())
        deliveries.append(
            Delivery(
                name=network.name,
                target=number,
                folder=str(folder.relative_to(ctx.run.path)),
                why=why,
                test_uses=1,
            )
        )
        ctx.progress.step(NAME, done + 1, len(chosen), f"wrote {network.name}")
    ctx.run.save(NAME, ExportDocument(deliveries=tuple(deliveries), test_accuracies=scores))
