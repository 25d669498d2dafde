"""Phases ask for golden subjects of boards, and set aside what is in doubt."""

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import ColumnElement, update

from latency_predictors.device import ExecutionContext, host_device
from latency_predictors.doubt import Doubt
from latency_predictors.golden import SUBJECTS
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.measure import NETWORK_PROTOCOL
from nas.export.onnx import export_layer
from nas.measurement_tasks import protocol_digest
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.calibrating import calibration_set, measure_networks
from nas.pipeline.costs import latency_predictor
from nas.pipeline.golden import ask_golden, undoubted
from nas.pipeline.measuring import measured_layers
from nas.pipeline.profile import profile_site
from nas.pipeline.sites import Site
from nas.pipeline.tables import latest_table
from nas.store.golden_store import make_due
from nas.store.measurement_tables import measurement_tasks, sessions
from nas.store.session import writing
from nas.store.waiting import PENDING
from search_spaces.base import FloatArray, space_digest
from search_spaces.catalogue import get_space
from search_spaces.layers import LayerSpec
from search_spaces.sampling import random_architectures
from search_spaces.slot_tables import distinct_layers
from tests.latency_predictors.sessions import session
from tests.nas.pipeline import small_search
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder, measured
from tests.workers.boards_at_work import CONTEXT, Bench, bench

LAYERS = tuple(SUBJECTS.values())
SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
KEY = space_digest(SPACE)
WHY = "x 1.40; its fan has stopped"


@dataclass
class Context:
    """What the functions here take of a job."""

    stores: Any
    run: Any
    lines: list[str] = field(default_factory=list)
    space: Any = SPACE

    @property
    def progress(self) -> Any:
        """Keeps what is said."""
        return SimpleNamespace(say=self.lines.append)


@pytest.fixture
def at_work(tmp_path: Path) -> Any:
    """A service with a board."""
    with bench(tmp_path) as opened:
        yield opened


def test_a_board_that_was_never_checked_measures_real_files_of_golden_subjects_first(at_work: Bench) -> None:
    job = at_work.waiting_for("one")
    stores = at_work.service.stores
    at_work.works()
    (claim,) = stores.queue.claim("w")
    assert claim.lease.job_id == job.job_id
    assert at_work.registered is not None
    ctx: Any = Context(stores, SimpleNamespace(lease=claim.lease))
    site, asked = Site(at_work.registered.device, CONTEXT), []

    def made(spec: LayerSpec) -> bytes:
        asked.append(spec)
        return export_layer(spec)

    ask_golden(ctx, site, made)
    assert tuple(asked) == LAYERS
    at_work.works()
    (check,) = stores.golden.newest(site.device.digest)
    assert check.verdict == "good"
    ask_golden(ctx, site, made)
    assert len(asked) == len(LAYERS), "it was checked"


def test_a_check_whose_files_are_lost_is_asked_for_again_with_files_made_anew(at_work: Bench) -> None:
    at_work.waiting_for("one")
    stores, board = at_work.service.stores, at_work.registered
    assert board is not None
    at_work.works()
    (claim,) = stores.queue.claim("w")
    ctx: Any = Context(stores, SimpleNamespace(lease=claim.lease))
    site = Site(board.device, CONTEXT)
    ask_golden(ctx, site, export_layer)
    at_work.works()
    with writing(stores.engine) as connection:
        make_due(connection, site.device.digest, "its fan was cleaned")
    lost = hashlib.sha256(export_layer(LAYERS[0])).hexdigest()
    stores.artifacts.remove(lost)
    shutil.rmtree(at_work.folder / "files")
    at_work.works()
    assert any(line.startswith("error[artifact_missing]") for line in at_work.lines)
    (check,) = stores.golden.newest(site.device.digest)
    assert check.number == 1, "two of three subjects are no check"
    ask_golden(ctx, site, export_layer)
    assert stores.artifacts.has(lost)
    at_work.works()
    (check,) = stores.golden.newest(site.device.digest)
    assert (check.number, check.verdict, check.why) == (2, "good", "its fan was cleaned")


def test_a_check_that_failed_while_the_job_waited_for_it_is_made_all_the_same(at_work: Bench) -> None:
    job = at_work.waiting_for("one")
    stores, board = at_work.service.stores, at_work.registered
    assert board is not None
    at_work.works()
    (claim,) = stores.queue.claim("w")
    assert claim.lease.job_id == job.job_id
    ctx: Any = Context(stores, SimpleNamespace(lease=claim.lease))
    site = Site(board.device, CONTEXT)
    ask_golden(ctx, site, export_layer)
    found = stores.agent_queue.ask(board, board.instance, 100)
    assert found is not None
    lease, batch = found
    stores.measurements.fail(lease, batch, list(SUBJECTS), "context_unsupported", "not with that governor")
    stores.measurements.give_back(lease)
    assert stores.golden.is_stuck(site.device.digest, CONTEXT.digest)
    ask_golden(ctx, site, export_layer)
    at_work.works()
    assert [check.verdict for check in stores.golden.newest(site.device.digest)] == ["good"]


def test_the_host_is_not_checked() -> None:
    ctx: Any = None
    ask_golden(ctx, Site(host_device(), ExecutionContext("onnxruntime", "1")), export_layer)


def test_what_is_in_doubt_is_left_out_of_a_table_and_told() -> None:
    spec, other = LAYERS[:2]
    empty = LookupTable(device=session("a", {}).device, context=session("a", {}).context)
    table = empty.merged(
        [spec, other], [session("a", {layer_key(spec): 1.0}), session("bb", {layer_key(other): 2.0})]
    )
    doubts = {"a": "golden subjects have drifted, x 1.40; system 6.1 -> 6.12"}
    golden = SimpleNamespace(doubted=lambda *where: doubts, doubted_networks=lambda *where: Doubt(doubts))
    ctx: Any = Context(SimpleNamespace(golden=golden), None)
    left = undoubted(ctx, table)
    assert left.missing([spec, other]) == [spec]
    assert left.reference_ms == table.reference_ms
    assert "measured again (golden subjects have drifted, x 1.40; system 6.1 -> 6.12)" in ctx.lines[0]
    doubts["bb"] = "likewise"
    assert undoubted(ctx, table).reference_ms == {}, "a board that is another now has no reference yet"
    doubts.clear()
    assert undoubted(ctx, table) == table


def put_in_doubt(home: Home, *these: ColumnElement[bool]) -> None:
    """Have all sessions of a home be in doubt, or some, and all that was measured be due again."""
    with writing(home.stores.engine) as connection:
        connection.execute(update(sessions).where(*these).values(doubt=WHY))
        connection.execute(update(measurement_tasks).values(state=PENDING))


def runs_slower(patch: pytest.MonkeyPatch, times: float) -> None:
    """Have everything take so many times as long from now on."""
    usual = small_search.file_ms
    patch.setattr(small_search, "file_ms", lambda path: times * usual(path))


def predicted(table: LookupTable) -> FloatArray:
    """What a table says of some networks."""
    archs = random_architectures(SPACE, 50, np.random.default_rng(1))
    return latency_predictor(SPACE, table).predict(archs).point


def num_suspect(table: LookupTable) -> int:
    """Networks that the correction of a table rests on and that are suspect."""
    report = table.corrections[KEY].report
    assert report is not None
    return report.num_suspect


def sessions_of(table: LookupTable) -> set[str]:
    """Those that the networks of a table were measured in."""
    return {name for point in table.corrections[KEY].points for name in point.session_ids}


def test_a_board_that_is_another_now_is_calibrated_anew(
    copied: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = latest_table(copied.stores, here())
    put_in_doubt(copied)
    runs_slower(monkeypatch, 1.4)
    shown, ctx = latest_table(copied.stores, here()), copied.context()
    assert num_suspect(shown) == len(before.corrections[KEY].points)
    assert shown.states_of(distinct_layers(SPACE)).keys() == {"suspect"}
    table = measured(copied, lambda: profile_site(ctx, here()))
    np.testing.assert_allclose(predicted(table), 1.4 * predicted(before), rtol=0.02)
    assert not sessions_of(table) & sessions_of(before)
    assert len(table.corrections[KEY].points) == NUM_CALIBRATION
    assert num_suspect(table) == 0
    assert latest_table(copied.stores, here()) == table
    later = copied.context(seed=1)
    assert profile_site(later, here()) == table, "nothing is in doubt any more"


def test_networks_alone_that_are_in_doubt_are_measured_again(
    copied: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were measured while the board was 1.4 times as slow; the layers were not."""
    before, ctx = latest_table(copied.stores, here()), copied.context()
    put_in_doubt(copied, sessions.c.protocol == protocol_digest(NETWORK_PROTOCOL))
    runs_slower(monkeypatch, 1 / 1.4)
    shown = latest_table(copied.stores, here())
    assert num_suspect(shown) == len(before.corrections[KEY].points)
    np.testing.assert_array_equal(predicted(shown), predicted(before))
    table = measured(copied, lambda: profile_site(ctx, here()))
    assert not sessions_of(table) & sessions_of(before)
    np.testing.assert_allclose(predicted(table), predicted(before) / 1.4, rtol=0.02)
    assert table.entries == before.entries
    assert latest_table(copied.stores, here()) == table
    assert isinstance(ctx.progress, Recorder)
    (told,) = {line for line in ctx.progress.said if "in doubt" in line}
    assert (
        told
        == f"whole networks on {here().device.label}: what sessions in doubt found is measured again ({WHY})"
    )


def test_networks_in_doubt_do_not_come_back_in_publishing(
    copied: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers and networks were measured again by another job; those in doubt are other networks in part."""
    before, ctx = latest_table(copied.stores, here()), copied.context()
    put_in_doubt(copied)
    runs_slower(monkeypatch, 1.4)
    found = measured(copied, lambda: measured_layers(ctx, here(), distinct_layers(SPACE)))
    bare = LookupTable(device=before.device, context=before.context)
    layers = bare.merged(distinct_layers(SPACE), found.sessions)
    measured(copied, lambda: measure_networks(ctx, layers, calibration_set(SPACE, layers)))
    table = profile_site(copied.context(seed=1), here())
    assert table is not None
    assert not sessions_of(table) & sessions_of(before)
    stored = latest_table(copied.stores, here()).corrections[KEY]
    assert stored == table.corrections[KEY]
    assert len(stored.points) == NUM_CALIBRATION
    assert {point.digest for point in before.corrections[KEY].points} - {one.digest for one in stored.points}


def test_a_correction_goes_on_without_a_few_networks_in_doubt(copied: Home) -> None:
    """Those that a search has verified were measured last."""
    before, ctx = latest_table(copied.stores, here()), copied.context()
    points = before.corrections[KEY].points
    late = {name for one in points if one.predicted_ms is not None for name in one.session_ids}
    put_in_doubt(copied, sessions.c.id.in_(late))
    sound = tuple(one for one in points if not late.intersection(one.session_ids))
    assert num_suspect(latest_table(copied.stores, here())) == len(points) - len(sound) > 0
    table = profile_site(ctx, here())
    assert table is not None
    assert copied.watch.asked == []
    assert table.corrections[KEY].points == sound
    assert latest_table(copied.stores, here()) == table
