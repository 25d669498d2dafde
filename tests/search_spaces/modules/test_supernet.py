"""The weight-sharing network keeps nothing between calls."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from search_spaces.base import Architecture
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.modules.statistics import Statistics, batch_moments
from search_spaces.modules.supernet import Supernet
from search_spaces.network import network
from search_spaces.sampling import as_architecture, largest, random_architectures, smallest
from tests.contracts.space_contract import perturbed_supernet, random_images, settled

SPACE = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
SMALLEST, LARGEST = (as_architecture(rows[0]) for rows in (smallest(SPACE), largest(SPACE)))
DRAWN = [as_architecture(row) for row in random_architectures(SPACE, 6, np.random.default_rng(0))]


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    return perturbed_supernet(SPACE)


def logits(
    supernet: Supernet, architecture: Architecture, statistics: Statistics, seed: int = 0
) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = supernet(
            random_images(SPACE, architecture, seed=seed), architecture, statistics
        )
    return found


def test_forwards_of_different_subnets_do_not_disturb_each_other(supernet: Supernet) -> None:
    statistics = {one: settled(supernet, one) for one in DRAWN}
    alone = {one: logits(supernet, one, statistics[one]) for one in DRAWN}
    state = {name: value.clone() for name, value in supernet.state_dict().items()}
    for one in [*DRAWN, *reversed(DRAWN)]:
        supernet(random_images(SPACE, LARGEST), LARGEST, batch_moments)
        with pytest.raises(UsageError):
            logits(supernet, LARGEST, statistics[one])
        torch.testing.assert_close(logits(supernet, one, statistics[one]), alone[one], rtol=0, atol=0)
    for name, value in supernet.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)


def test_training_and_evaluation_mode_are_the_same(supernet: Supernet) -> None:
    statistics = settled(supernet, DRAWN[0])
    inside = logits(supernet.train(), DRAWN[0], statistics)
    torch.testing.assert_close(logits(supernet.eval(), DRAWN[0], statistics), inside, rtol=0, atol=0)


@pytest.mark.parametrize("given", [SMALLEST, DRAWN[0]], ids=["fewer layers", "other widths"])
def test_statistics_of_another_subnet_are_refused(supernet: Supernet, given: Architecture) -> None:
    statistics = settled(supernet, given)
    for call in (
        lambda: logits(supernet, LARGEST, statistics),
        lambda: supernet.extract(LARGEST, statistics),
    ):
        with pytest.raises(UsageError, match="recalibrate") as caught:
            call()
        assert caught.value.code == "missing_statistics"


def test_statistics_of_another_width_are_refused(supernet: Supernet) -> None:
    """Every name is there, but of a narrower stage."""
    narrow = list(LARGEST)
    column = [choice.name for choice in SPACE.choices].index("stage3.width")
    narrow[column] = 0
    statistics = settled(supernet, tuple(narrow))
    assert set(statistics.moments) == set(settled(supernet, LARGEST).moments)
    with pytest.raises(UsageError) as caught:
        logits(supernet, LARGEST, statistics)
    assert caught.value.code == "missing_statistics"
    with pytest.raises(UsageError) as caught:
        supernet.extract(LARGEST, statistics)
    assert caught.value.code == "missing_statistics"


def test_images_of_another_resolution_are_our_mistake(supernet: Supernet) -> None:
    with pytest.raises(AssertionError, match="the subnet takes"):
        supernet(random_images(SPACE, LARGEST), SMALLEST)


def test_an_architecture_of_another_space_is_refused(supernet: Supernet) -> None:
    with pytest.raises(UsageError) as caught:
        supernet(random_images(SPACE, SMALLEST), (0, 0))
    assert caught.value.code == "invalid_architecture"


def test_an_extracted_network_is_a_copy() -> None:
    supernet = perturbed_supernet(SPACE)
    statistics = settled(supernet, DRAWN[1])
    static = supernet.extract(DRAWN[1], statistics)
    images = random_images(SPACE, DRAWN[1], seed=5)
    with torch.no_grad():
        before = static(images)
    optimizer = torch.optim.SGD(supernet.parameters(), 0.5)
    supernet(images, DRAWN[1]).square().sum().backward()
    optimizer.step()
    supernet.set_normalization(torch.ones(3), torch.ones(3))
    for mean, variance in statistics.moments.values():
        mean.add_(1)
        variance.mul_(2)
    with torch.no_grad():
        torch.testing.assert_close(static(images), before, rtol=0, atol=0)


def test_training_an_extracted_network_leaves_the_supernet_alone() -> None:
    supernet = perturbed_supernet(SPACE)
    statistics = settled(supernet, DRAWN[2])
    before = logits(supernet, DRAWN[2], statistics)
    static = supernet.extract(DRAWN[2], statistics).train()
    static(random_images(SPACE, DRAWN[2])).square().sum().backward()
    torch.optim.SGD(static.parameters(), 0.5).step()
    torch.testing.assert_close(logits(supernet, DRAWN[2], statistics), before, rtol=0, atol=0)


def test_an_extracted_network_has_the_layers_of_the_subnet_in_evaluation_mode(supernet: Supernet) -> None:
    static = supernet.extract(DRAWN[3], settled(supernet, DRAWN[3]))
    assert static.nodes == network(SPACE, DRAWN[3])
    assert not any(module.training for module in static.modules())


def test_only_weights_of_the_subnet_are_trained() -> None:
    supernet = perturbed_supernet(SPACE)
    supernet(random_images(SPACE, SMALLEST), SMALLEST).square().sum().backward()
    trained = {name.split(".")[1] for name, weight in supernet.named_parameters() if weight.grad is not None}
    slots = {node.slot.replace(".", "/") for node in network(SPACE, SMALLEST) if node.slot != "normalize"}
    assert trained == slots


def test_the_seed_decides_the_weights_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = Supernet(SPACE, seed=3)
    assert torch.rand(1) == expected
    second, other = Supernet(SPACE, seed=3), Supernet(SPACE, seed=4)
    for name, value in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], value, rtol=0, atol=0)
    assert any((other.state_dict()[name] != value).any() for name, value in first.state_dict().items())


def test_no_module_holds_batch_norm_statistics(supernet: Supernet) -> None:
    assert {name.split(".")[-1] for name, _ in supernet.named_buffers()} == {"mean", "deviation"}


def test_normalisation_of_the_data_set_is_part_of_the_network(supernet: Supernet) -> None:
    """Dark images with a mean of 0.1 and bright ones with 0.6 are the same to networks that know it."""
    one, other = Supernet(SPACE), Supernet(SPACE)
    one.set_normalization(torch.full((3,), 0.1), torch.full((3,), 0.2))
    other.set_normalization(torch.full((3,), 0.6), torch.full((3,), 0.2))
    statistics = settled(one, SMALLEST)
    dark = random_images(SPACE, SMALLEST) * 0.2
    with torch.no_grad():
        torch.testing.assert_close(
            one(dark, SMALLEST, statistics), other(dark + 0.5, SMALLEST, statistics), rtol=0, atol=1e-5
        )


def test_networks_that_are_made_at_the_same_time_have_the_weights_of_their_seeds() -> None:
    """torch draws from one generator a process."""
    expected = {seed: Supernet(SPACE, seed).state_dict() for seed in range(4)}
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            made = pool.map(lambda seed: Supernet(SPACE, seed).state_dict(), expected)
            for state, wanted in zip(made, expected.values(), strict=True):
                assert all(torch.equal(state[name], value) for name, value in wanted.items())
