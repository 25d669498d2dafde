"""Phases ask for golden subjects of boards, and set aside what is in doubt."""

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from latency_predictors.device import ExecutionContext, host_device
from latency_predictors.golden import SUBJECTS
from latency_predictors.lookup_table import LookupTable, layer_key
from nas.export.onnx import export_layer
from nas.pipeline.golden import ask_golden, undoubted
from nas.pipeline.sites import Site
from nas.store.golden_store import make_due
from nas.store.session import writing
from search_spaces.layers import LayerSpec
from tests.latency_predictors.sessions import session
from tests.workers.boards_at_work import CONTEXT, Bench, bench

LAYERS = tuple(SUBJECTS.values())


@dataclass
class Context:
    """What the functions here take of a job."""

    stores: Any
    run: Any
    lines: list[str] = field(default_factory=list)

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
    doubts = {"a": "x 1.40; system 6.1 -> 6.12"}
    ctx: Any = Context(SimpleNamespace(golden=SimpleNamespace(doubted=lambda *where: doubts)), None)
    left = undoubted(ctx, table)
    assert left.missing([spec, other]) == [spec]
    assert left.reference_ms == table.reference_ms
    assert "golden subjects have drifted (x 1.40; system 6.1 -> 6.12)" in ctx.lines[0]
    doubts["bb"] = "likewise"
    assert undoubted(ctx, table).reference_ms == {}, "a board that is another now has no reference yet"
    doubts.clear()
    assert undoubted(ctx, table) == table
