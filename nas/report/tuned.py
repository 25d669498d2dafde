"""A network that was trained on, as people read it."""

from rich.text import Text

from nas.report.words import accuracy_text, latency_text
from nas.results import Document, VerifiedNetwork


class TunedNetwork(Document):
    """A network that was trained on, on its own.

    Attributes:
        subnet: Its identifier.
    """

    subnet: str
    network: VerifiedNetwork

    def __rich__(self) -> Text:
        """Say what training it has changed."""
        network, before = self.network, self.network.inherited_accuracy
        was = f", {accuracy_text(before)} before" if before else ""
        lines = [
            f"{self.subnet}: trained on for {network.finetune_epochs} epochs",
            f"accuracy  {accuracy_text(network.accuracy)}{was}",
            f"latency   {latency_text(network.latency)}",
            f"hwnas subnets show {self.subnet}   tells more",
        ]
        return Text("\n".join(lines), no_wrap=True, overflow="ignore")
