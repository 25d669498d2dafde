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
        "a91e6a932d694032c32e441ae8c86b4e9042e542d3592521e88b77ceb234ee89",
        "19101b071185109aca340e0e0b3fb19969a9fd89d8dd62f7a7b7f993431fd3b7",
        "2b8bb2576726f21b5af4b643de6ea17fa62a343a3c62b5e8ff4c8ece955702c9",
    )
    num_distinct_layers = 139


class TestMobileNetV3ImageNet(SpaceContract, SupernetContract):
    space = get_space("mobilenet_v3", preset="imagenet", num_classes=1000, in_channels=3)
    digests = (
        "3a9f681d4212ecdd41aa367edc84fd59f3e75088b2c2701e03e55c40ed675a5e",
        "a7402c5d996fc0d14de7563cc0f9dbddf1b62492efc1b2a2eee5b189113a7506",
        "b641ca47cc159a521bee1924fd810eff5ee762d185cc80d8f529b531091c0def",
    )
    num_distinct_layers = 1280
    num_resolutions = 2


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
    num_subnets = 12


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
