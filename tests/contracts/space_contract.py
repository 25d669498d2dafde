"""What every search space keeps; the tests of the catalogue inherit both classes for every preset."""

import json
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from search_spaces.base import (
    IMAGE,
    Architecture,
    IntArray,
    SearchSpace,
    Space,
    Standing,
    architecture_digest,
    architecture_from_values,
    option_values,
    space_digest,
)
from search_spaces.layers import InvertedResidual
from search_spaces.modules.statistics import Statistics
from search_spaces.modules.supernet import Supernet
from search_spaces.network import input_shape, layers, network, resolution
from search_spaces.sampling import (
    active_choices,
    as_architecture,
    canonical,
    crossover,
    largest,
    mutate,
    option_counts,
    random_architectures,
    smallest,
)
from search_spaces.slot_tables import distinct_layers
from tests.search_spaces.modules.moment_recorder import MomentRecorder


def raw_architectures(space: Space, n: int, seed: int = 0) -> IntArray:
    """Return any option indices, not in canonical form, (n, choices)."""
    sizes = option_counts(space)
    return np.random.default_rng(seed).integers(0, sizes, size=(n, len(sizes)))


@cache
def standings(space: Space, architecture: Architecture) -> tuple[Standing, ...]:
    """Return what stands in each slot, asked of the slots themselves."""
    values = option_values(space, architecture)
    return tuple(slot.layer(*(values[name] for name in slot.depends_on)) for slot in space.slots)


def neighbours(space: Space, archs: IntArray, seed: int = 0) -> IntArray:
    """Return architectures with one choice redrawn, not in canonical form."""
    rng = np.random.default_rng(seed)
    result = archs.copy()
    columns = rng.integers(0, archs.shape[1], len(archs))
    result[np.arange(len(archs)), columns] = rng.integers(0, option_counts(space)[columns])
    return result


class SpaceContract:
    """Inherit this in a class whose name begins with `Test`."""

    space: Space
    digests: tuple[str, str, str]
    """Of the space, its smallest and its largest architecture: stored results are found by them."""
    num_distinct_layers: int

    def test_names_are_unique_and_slots_take_what_comes_before_them(self) -> None:
        assert len({choice.name for choice in self.space.choices}) == len(self.space.choices)
        before: set[str] = {IMAGE}
        for slot in self.space.slots:
            assert slot.name not in before
            assert set(slot.inputs) <= before
            before.add(slot.name)

    def test_every_choice_changes_some_layer_unless_it_has_one_option(self) -> None:
        active = active_choices(self.space, random_architectures(self.space, 500, np.random.default_rng(0)))
        np.testing.assert_array_equal(active.any(axis=0), option_counts(self.space) > 1)

    def test_canonical_form_keeps_every_layer(self) -> None:
        raw = raw_architectures(self.space, 300)
        for before, after in zip(raw, canonical(self.space, raw), strict=True):
            assert network(self.space, as_architecture(before)) == network(self.space, as_architecture(after))

    def test_canonical_form_is_its_own_canonical_form_and_leaves_its_input_alone(self) -> None:
        raw = raw_architectures(self.space, 2000)
        kept = raw.copy()
        once = canonical(self.space, raw)
        np.testing.assert_array_equal(canonical(self.space, once), once)
        np.testing.assert_array_equal(raw, kept)

    def test_equal_layers_are_equal_rows_and_different_layers_different_rows(self) -> None:
        first = raw_architectures(self.space, 2500)
        second = neighbours(self.space, first)
        rows = (canonical(self.space, first) == canonical(self.space, second)).all(axis=1)
        same = [
            standings(self.space, as_architecture(a)) == standings(self.space, as_architecture(b))
            for a, b in zip(first, second, strict=True)
        ]
        np.testing.assert_array_equal(rows, same)
        assert 0 < rows.sum() < len(rows)

    def test_each_choice_stands_at_the_first_option_with_these_layers(self) -> None:
        sizes = option_counts(self.space)
        for row in random_architectures(self.space, 15, np.random.default_rng(1)):
            now = standings(self.space, as_architecture(row))
            active = active_choices(self.space, row[np.newaxis])[0]
            for column, size in enumerate(sizes):
                options = [(*row[:column], option, *row[column + 1 :]) for option in range(size)]
                found = [standings(self.space, tuple(int(i) for i in option)) for option in options]
                assert found.index(now) == row[column]
                assert active[column] == (len(set(found)) > 1)

    def test_digests_do_not_change_from_one_version_to_the_next(self) -> None:
        ends = smallest(self.space)[0], largest(self.space)[0]
        found = [architecture_digest(self.space, as_architecture(row)) for row in ends]
        assert (space_digest(self.space), *found) == self.digests

    def test_different_networks_have_different_digests(self) -> None:
        rows = np.unique(random_architectures(self.space, 300, np.random.default_rng(2)), axis=0)
        assert len({architecture_digest(self.space, as_architecture(row)) for row in rows}) == len(rows)

    def test_options_by_name_give_the_architecture_back(self) -> None:
        for row in random_architectures(self.space, 20, np.random.default_rng(3)):
            architecture = as_architecture(row)
            values = option_values(self.space, architecture)
            assert architecture_from_values(self.space, values) == architecture

    def test_random_architectures_are_canonical_seeded_and_use_every_option(self) -> None:
        rows = random_architectures(self.space, 3000, np.random.default_rng(4))
        assert rows.shape == (3000, len(self.space.choices))
        assert rows.dtype == np.int64
        np.testing.assert_array_equal(canonical(self.space, rows), rows)
        np.testing.assert_array_equal(rows, random_architectures(self.space, 3000, np.random.default_rng(4)))
        assert (rows != random_architectures(self.space, 3000, np.random.default_rng(5))).any()
        for column, size in enumerate(option_counts(self.space)):
            assert set(rows[:, column]) == set(range(size))

    def test_mutation_changes_nearly_every_network(self) -> None:
        rows = random_architectures(self.space, 1000, np.random.default_rng(6))
        for probability in (None, 0.0, 0.5):
            found = mutate(self.space, rows, np.random.default_rng(7), probability)
            np.testing.assert_array_equal(canonical(self.space, found), found)
            assert (found != rows).any(axis=1).mean() >= 0.95
            again = mutate(self.space, rows, np.random.default_rng(7), probability)
            np.testing.assert_array_equal(found, again)

    def test_crossover_takes_each_option_from_a_parent(self) -> None:
        first, second = (
            random_architectures(self.space, 500, np.random.default_rng(seed)) for seed in (8, 9)
        )
        child = crossover(self.space, first, second, np.random.default_rng(10))
        np.testing.assert_array_equal(canonical(self.space, child), child)
        assert ((child == first) | (child == second) | (child == 0)).all()
        assert ((child == first) & (child != second)).any()
        assert ((child == second) & (child != first)).any()
        np.testing.assert_array_equal(crossover(self.space, first, first, np.random.default_rng(0)), first)

    def test_shapes_of_a_network_chain_up(self) -> None:
        for row in random_architectures(self.space, 100, np.random.default_rng(11)):
            architecture = as_architecture(row)
            nodes = network(self.space, architecture)
            shapes = {IMAGE: input_shape(self.space, architecture)}
            assert shapes[IMAGE][1:] == (resolution(self.space, architecture),) * 2
            for node in nodes:
                assert {shapes[name] for name in node.inputs} <= {node.spec.in_shape}
                shapes[node.slot] = node.spec.out_shape
                if isinstance(node.spec, InvertedResidual) and node.spec.residual:
                    assert node.spec.in_shape == node.spec.out_shape
            assert nodes[-1].spec.out_shape[1:] == (1, 1)

    def test_distinct_layers_are_those_that_architectures_have(self) -> None:
        known = distinct_layers(self.space)
        assert len(known) == len(set(known)) == self.num_distinct_layers
        drawn = random_architectures(self.space, 300, np.random.default_rng(12))
        assert {spec for row in drawn for spec in layers(self.space, as_architecture(row))} <= set(known)
        assert {spec for row in self.covering() for spec in layers(self.space, row)} == set(known)

    def covering(self) -> Iterator[Architecture]:
        """Yield, for every slot and all options of its own choices, an architecture that has them."""
        position = {choice.name: i for i, choice in enumerate(self.space.choices)}
        seen: set[Standing] = set()
        for slot in self.space.slots:
            scope = [position[name] for name in slot.depends_on]
            for options in product(*(range(len(self.space.choices[i].options)) for i in scope)):
                row = [0] * len(self.space.choices)
                for column, option in zip(scope, options, strict=True):
                    row[column] = option
                named = (self.space.choices[i].options[o] for i, o in zip(scope, options, strict=True))
                standing = slot.layer(*named)
                if standing not in seen:
                    seen.add(standing)
                    yield tuple(row)

    def test_signatures_are_json_without_fractions_that_tell_layers_apart(self) -> None:
        known = distinct_layers(self.space)
        assert len({spec.signature() for spec in known}) == len(known)
        for spec in known:
            parsed = json.loads(spec.signature(), parse_float=pytest.fail)
            assert parsed.pop("v") == 1
            assert parsed.pop("kind") == spec.kind
            assert set(parsed) == {field.name for field in fields(spec)}
            given = {name: tuple(v) if isinstance(v, list) else v for name, v in parsed.items()}
            assert type(spec)(**given) == spec


def perturbed_supernet(space: Space, seed: int = 0) -> Supernet:
    """Return a supernet whose weights, scales, shifts and normalisation are all away from their defaults."""
    supernet = Supernet(space, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in supernet.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=generator))
    channels = space_channels(space)
    supernet.set_normalization(
        0.3 + 0.2 * torch.rand(channels, generator=generator),
        0.2 + 0.1 * torch.rand(channels, generator=generator),
    )
    return supernet


def space_channels(space: Space) -> int:
    """Return the channels of the images of a space."""
    return input_shape(space, as_architecture(smallest(space)[0]))[0]


def random_images(space: SearchSpace, architecture: Architecture, batch: int = 2, seed: int = 0) -> Tensor:
    """Return images in 0..1 as an architecture takes them, (B, C, R, R)."""
    shape = input_shape(space, architecture)
    return torch.rand((batch, *shape), generator=torch.Generator().manual_seed(seed))


def settled(supernet: Supernet, architecture: Architecture, seed: int = 100) -> Statistics:
    """Return statistics of a subnet over random images."""
    recorder = MomentRecorder()
    with torch.no_grad():
        supernet(random_images(supernet.space, architecture, seed=seed), architecture, recorder)
    return recorder.statistics()


def extraction_error(supernet: Supernet, architecture: Architecture) -> float:
    """Return the largest difference between a subnet's logits in the supernet and extracted."""
    statistics = settled(supernet, architecture)
    images = random_images(supernet.space, architecture, seed=7)
    with torch.no_grad():
        inside = supernet(images, architecture, statistics)
        outside = supernet.extract(architecture, statistics)(images)
    assert inside.std() > 0.01
    return float((inside - outside).abs().max())


class SupernetContract:
    """Inherit this beside `SpaceContract`."""

    space: Space

    def test_50_random_subnets_and_the_ends_compute_extracted_what_they_compute_in_the_supernet(self) -> None:
        supernet = perturbed_supernet(self.space)
        drawn = random_architectures(self.space, 50, np.random.default_rng(13))
        rows = np.concatenate([smallest(self.space), largest(self.space), drawn])
        subnets = [as_architecture(row) for row in canonical(self.space, rows)]
        assert max(extraction_error(supernet, one) for one in subnets) <= 1e-5

    def test_a_training_step_of_the_largest_subnet_reaches_every_block_it_uses(self) -> None:
        supernet = perturbed_supernet(self.space)
        architecture = as_architecture(largest(self.space)[0])
        supernet(random_images(self.space, architecture), architecture).square().sum().backward()
        for node in network(self.space, architecture):
            for weight in supernet.block(node.slot, node.spec.kind).parameters():
                assert weight.grad is not None
                assert weight.grad.abs().max() > 0
