"""A network that was trained on is read at a glance."""

from rich.console import Console

from nas.report.tuned import TunedNetwork
from tests.api.handmade import network


def test_what_training_has_changed_is_said() -> None:
    before = network("net-aaa111", 0.90, 0.1)
    after = network("net-aaa111", 0.95, 0.1).model_copy(
        update={"finetune_epochs": 7, "inherited_accuracy": before.accuracy}
    )
    console = Console(width=120)
    with console.capture() as captured:
        console.print(TunedNetwork(subnet="net-1f.net-aaa111", network=after))
    text = captured.get()
    assert "trained on for 7 epochs" in text
    assert "90.0 % before" in text
    assert "hwnas subnets show net-1f.net-aaa111" in text
