"""What a search has exported of a supernet, another one takes from there."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from nas.pipeline.known import exported_or_known, known_networks, load_known, measured_before
from nas.pipeline.networks import Exported
from nas.pipeline.train import TrainDocument
from nas.specs import LatencySpec
from nas.tasks import ExportNetworks
from search_spaces.base import Architecture, architecture_digest
from tests.nas.pipeline.conftest import FinishedSearch, Second
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder


def supernet_of(finished: FinishedSearch) -> str:
    return finished.run.load("train", TrainDocument).id


def test_everything_that_was_exported_is_listed_once(second: Second, finished: FinishedSearch) -> None:
    ctx = second.search.context()
    listed = known_networks(ctx, supernet_of(finished), "fp32")
    networks = [*finished.target.networks, *second.search.target.networks]
    assert {architecture_digest(ctx.space, one.architecture) for one in listed} == {
        one.architecture_digest for one in networks
    }
    assert len({one.architecture for one in listed}) == len(listed)


def test_another_precision_has_a_list_of_its_own(finished: FinishedSearch) -> None:
    assert known_networks(finished.context(), supernet_of(finished), "int8") == ()


def test_nothing_that_is_known_is_exported_again(second: Second, finished: FinishedSearch) -> None:
    space = finished.context().space
    known = {one.architecture_digest for one in finished.target.networks}
    exported = [
        architecture_digest(space, one)
        for task in second.search.tasks
        if isinstance(task, ExportNetworks)
        for one in task.architectures
    ]
    assert known.isdisjoint(exported)


def test_known_networks_are_returned_in_the_order_asked_for_beside_new_ones(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx = copied.context(seed=finished.run.spec().seed, search={"evaluations": 299})
    known = known_networks(ctx, supernet_of(finished), "fp32")

    def make(missing: Sequence[Architecture]) -> list[Exported]:
        raise AssertionError(missing)

    wanted = [one.architecture for one in reversed(known)]
    found = exported_or_known(ctx, supernet_of(finished), "fp32", wanted, make)
    assert [one.architecture for one in found] == wanted
    assert [one.file_sha256 for one in found] == [one.file_sha256 for one in reversed(known)]


@pytest.mark.parametrize("what", ["file", "list"])
def test_what_is_damaged_is_said_and_made_again(copied: Home, finished: FinishedSearch, what: str) -> None:
    supernet = supernet_of(finished)
    ctx = copied.context(seed=finished.run.spec().seed, search={"evaluations": 299})
    known = known_networks(ctx, supernet, "fp32")
    lists = copied.stores.supernets.get("local", supernet).summary
    (digest,) = (value for name, value in lists.items() if name.startswith("exported."))
    copied.damage(known[0].file_sha256 if what == "file" else digest)
    loaded = load_known(ctx, known_networks(ctx, supernet, "fp32"))
    sound = known[1:] if what == "file" else ()
    assert {one.architecture for one in loaded} == {one.architecture for one in sound}
    assert isinstance(ctx.progress, Recorder)
    assert len(ctx.progress.said) == 1
    (told,) = copied.events(ctx.run, "damaged")
    assert told["code"] == "artifact_damaged"


def test_only_what_was_measured_there_so_counts(finished: FinishedSearch) -> None:
    ctx = finished.context()
    known = known_networks(ctx, supernet_of(finished), "fp32")
    plain, tail = LatencySpec().metric, LatencySpec(statistic="p95").metric
    assert measured_before(ctx, here(), plain.timing, known) == list(known)
    assert measured_before(ctx, here(), tail.timing, known) == []
    older = replace(plain.timing, undisturbed=not plain.timing.undisturbed)
    assert measured_before(ctx, here(), older, known) == list(known)
