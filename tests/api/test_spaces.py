"""Search spaces are shown as they are built."""

import pytest

from api.spaces import list_spaces, show_space
from search_spaces.catalogue import PRESETS
from search_spaces.errors import UsageError
from search_spaces.slot_tables import distinct_layers
from tests.api.handmade import SPACE


def test_every_preset_is_listed() -> None:
    listed = [(space.name, space.preset) for space in list_spaces().spaces]
    assert listed == [(name, preset) for name, presets in PRESETS.items() for preset in presets]


def test_the_published_space_has_its_published_size() -> None:
    # Cai et al. 2020: "more than 10^19" for one resolution; times 25 resolutions, and combinations that are
    # the same network because a block is left out count here too: 5 stages x (3 depths x 9^4) x 25.
    imagenet = next(space for space in list_spaces().spaces if space.preset == "imagenet")
    assert imagenet.log10_combinations == pytest.approx(22.87, abs=0.01)


def test_a_space_shows_its_choices_for_the_images_that_are_meant() -> None:
    shown = show_space("mobilenet_v3", "tiny", num_classes=10, in_channels=1)
    assert [(choice.name, choice.options) for choice in shown.choices] == [
        (choice.name, choice.options) for choice in SPACE.choices
    ]
    assert shown.summary.num_layers == len(distinct_layers(SPACE))
    colour = show_space("mobilenet_v3", "tiny", num_classes=10, in_channels=3)
    assert colour.summary.largest.num_params > shown.summary.largest.num_params
    assert colour.digest != shown.digest


def test_the_first_preset_is_the_default() -> None:
    assert show_space("mobilenet_v3", None, 10, 3).summary.preset == "tiny"


@pytest.mark.parametrize(
    ("name", "preset", "code"),
    [
        ("vgg", None, "unknown_space"),
        ("vgg", "tiny", "unknown_space"),
        ("mobilenet_v3", "huge", "unknown_preset"),
    ],
)
def test_what_does_not_exist_is_refused(name: str, preset: str | None, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        show_space(name, preset, 10, 3)
    assert caught.value.code == code


def test_what_a_space_spans_is_worked_out_once() -> None:
    """One takes as long as a page of searches, and the list is of all."""
    first, again = list_spaces().spaces, list_spaces().spaces
    assert all(one is other for one, other in zip(first, again, strict=True))
