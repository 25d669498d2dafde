"""What is damaged in the store is said and made again: it blocks no later search."""

import pytest
from sqlalchemy import select

from latency_predictors.device import host_context, host_device
from nas.pipeline import train
from nas.pipeline.context import Done
from nas.pipeline.damage import sound_table
from nas.pipeline.planning import planned_epochs
from nas.pipeline.profile import profile_site
from nas.pipeline.tables import latest_table
from nas.pipeline.train import TrainDocument
from nas.pipeline.trained import find_alike, find_trained, training_key
from nas.store.measurement_tables import lookup_tables
from nas.store.session import reading
from nas.store.supernet_store import DISCARDED
from nas.tasks import TrainNetwork, WholeSpace
from search_spaces.slot_tables import distinct_layers
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.older_sessions import forget_waiting
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder


@pytest.mark.parametrize("part", ["tensors", "manifest"])
def test_damaged_weights_are_trained_again_to_the_same(
    copied: Home, finished: FinishedSearch, part: str
) -> None:
    before = finished.run.load("train", TrainDocument)
    copied.damage(getattr(before, part))
    ctx = copied.context(seed=finished.run.spec().seed, search={"evaluations": 299})
    key = training_key(ctx, WholeSpace())
    assert find_trained(ctx, key, None) is None
    assert find_alike(ctx, key, before.cpu_seconds) is None
    assert train.run(ctx, planned_epochs) == Done()
    again = ctx.run.load("train", TrainDocument)
    assert (again.id, again.weight_hash) == (before.id, before.weight_hash)
    assert not again.summary.reused
    assert len(copied.compute.of(TrainNetwork)) == 1
    for digest in (before.tensors, before.manifest):
        assert copied.stores.artifacts.get(digest)
    (told,) = copied.events(ctx.run, "damaged")
    assert told["code"] == "artifact_damaged"
    assert isinstance(ctx.progress, Recorder)
    assert [words for words in ctx.progress.said if words.startswith(f"weights of supernet {before.id}: ")]
    (old,) = copied.stores.supernets.get("local", before.id).summary[DISCARDED]
    assert (old["weights"], old["weight_hash"]) == (before.tensors, before.weight_hash)


def test_a_search_of_the_same_space_succeeds_on_damaged_weights(
    copied: Home, finished: FinishedSearch
) -> None:
    copied.damage(finished.run.load("train", TrainDocument).tensors)
    result = copied.search(search={"evaluations": 299})
    assert result.targets[0].front


def test_a_damaged_table_is_made_of_what_was_measured(copied: Home) -> None:
    where = host_device().digest, host_context().digest
    before = copied.stores.tables.load(*where)
    assert before is not None
    copied.damage(newest_artifact(copied))
    assert latest_table(copied.stores, here()).entries == {}
    ctx = copied.context(seed=1)
    table = profile_site(ctx, here())
    assert table is not None
    assert table == latest_table(copied.stores, here())
    assert table.missing(distinct_layers(ctx.space)) == []
    assert table.entries == before.entries
    assert table.corrections == before.corrections
    assert copied.watch.asked == [], "all of it was measured before"
    (told,) = copied.events(ctx.run, "damaged")
    assert told["code"] == "artifact_damaged"
    assert str(told["what"]).startswith("table of ")


def test_a_damaged_table_is_made_of_what_earlier_versions_measured(copied: Home) -> None:
    forget_waiting(copied)
    copied.damage(newest_artifact(copied))
    ctx = copied.context(seed=1)
    table = sound_table(ctx, here())
    assert table.missing(distinct_layers(ctx.space)) == []


def newest_artifact(home: Home) -> str:
    """Of the published versions of the one table."""
    query = select(lookup_tables.c.artifact).order_by(lookup_tables.c.version.desc()).limit(1)
    with reading(home.stores.engine) as connection:
        return str(connection.execute(query).scalar_one())
