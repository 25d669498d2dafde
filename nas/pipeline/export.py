"""Phase `export`: choose points of the fronts and score them on the test images.

The files are in the artifact store since they were verified; `nas.pipeline.deliver` writes bundles of them.
"""

from collections.abc import Sequence
from typing import Final

from nas.choosing import choose
from nas.pipeline.context import Done, PhaseContext
from nas.pipeline.finetune import NAME as FINETUNE
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.networks import score_file
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


def run(ctx: PhaseContext) -> Done:
    """Choose what is delivered of every target; the test images are scored once, for all together."""
    targets = ctx.run.load(FINETUNE, FinetuneDocument).targets
    chosen = [
        (number, network, why)
        for number, target in enumerate(targets)
        for network, why in choose(target.front, ctx.spec.export.points)
    ]
    scores: dict[str, Accuracy] = {}
    deliveries = []
    for done, (number, network, why) in enumerate(chosen):
        file = network.file_sha256
        if file not in scores:
            scores[file] = accuracy_of(score_file(ctx, file, "test"), "test")
        name = network.name if len(targets) == 1 else f"{network.name}-{number}"
        deliveries.append(
            Delivery(name=network.name, target=number, folder=f"exports/{name}", why=why, test_uses=1)
        )
        ctx.progress.step(NAME, done + 1, len(chosen), f"scored {network.name} on the test images")
    ctx.run.save(NAME, ExportDocument(deliveries=tuple(deliveries), test_accuracies=scores))
    return Done()
