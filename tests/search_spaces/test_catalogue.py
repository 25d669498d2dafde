"""Every space and preset of the catalogue keeps the contract."""

import pytest

from search_spaces.catalogue import PRESETS, SPACES, get_space
from search_spaces.errors import UsageError
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, smallest
from tests.contracts.space_contract import SpaceContract, SupernetContract


class TestMobileNetV3Tiny(SpaceContract, SupernetContract):
    space = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
    digests = (
        "9e417288d3695cb4b71df8a75a0a203a14b8b4cab842dae6ba8880060c316620",
        "7bfdb530e8ba574ddd8055bf1149f269902bb28e3f28b0cb42e8f3ef6608fe5e",
        "7d9bc2acd2a7060f74afed3dcc5b0f528ff7151131e7a395d89245f378c44b67",
    )
    num_distinct_layers = 142


class TestMobileNetV3ImageNet(SpaceContract, SupernetContract):
    space = get_space("mobilenet_v3", preset="imagenet", num_classes=1000, in_channels=3)
    digests = (
        "c478aa4498a38c7e360f440c67db981b6dad0a8018b41dd64b603427532e60ab",
        "f61c6eaf707a1006b4b1009470c2d7ff4d8b4cf8df1d5ccaab33857be904323a",
        "a820215cd1dcaf7a0ccdfae6168d20ef15690e2a7b344f54ae65481d54c10550",
    )
    num_distinct_layers = 1280


class TestNasBench201Tiny(SpaceContract, SupernetContract):
    space = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=1)
    digests = (
        "0d782e5dddb272a4cd5842490e772ba124d118f5a277214dba786d94329418cd",
        "775ce77167b79efd703f65d7b9863f5dae9b8b720a6c87f92e4f3c4d86816e0b",
        "186c7e3587c9020f19b7c06f2152f5f07a6d2e4cd9864c9f2276df44cd73eb41",
    )
    num_distinct_layers = 15


class TestNasBench201Cifar(SpaceContract, SupernetContract):
    space = get_space("nas_bench_201", preset="cifar", num_classes=100, in_channels=3)
    digests = (
        "2ffd5b78d6fe355509f86fa2a5c90aea6405c5955b2258a5d91d2cd75a20a619",
        "8eb1ffca0ec0acbef4ba03d8d13153dca9148e17992148e155cef35ad229e2cc",
        "950a45b60fbc495f289d3f841349563caa09c61c36d5fbddbf4b0fe0578ef5d1",
    )
    num_distinct_layers = 15


def test_every_space_and_preset_is_held_to_the_contract() -> None:
    held = {suite.space.name for suite in SpaceContract.__subclasses__() if suite.__module__ == __name__}
    assert held == {f"{name}/{preset}" for name in SPACES for preset in PRESETS[name]}


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in SPACES for preset in PRESETS[name]])
def test_classes_and_channels_of_the_data_set_are_those_of_the_network(name: str, preset: str) -> None:
    space = get_space(name, preset=preset, num_classes=7, in_channels=1)
    found = layers(space, as_architecture(smallest(space)[0]))
    assert found[0].in_shape[0] == 1
    assert found[-1].out_shape == (7, 1, 1)


def test_an_unknown_space_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match="mobilenet_v3, nas_bench_201") as caught:
        get_space("mobilenet_v9", preset="tiny", num_classes=10, in_channels=3)
    assert caught.value.code == "unknown_space"


@pytest.mark.parametrize("name", SPACES)
def test_an_unknown_preset_is_answered_with_those_that_exist(name: str) -> None:
    with pytest.raises(UsageError, match=", ".join(PRESETS[name])) as caught:
        get_space(name, preset="huge", num_classes=10, in_channels=3)
    assert caught.value.code == "unknown_preset"
