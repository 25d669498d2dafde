import errno
import hashlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from latency_predictors.calibration import calibrate
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.probes import RuntimeGraph
from latency_predictors.protocol import Conditions, SessionResult
from latency_predictors.spread import SINGLE_SESSION_REL_SD
from search_spaces.errors import ArtifactError, MeasurementError, ResourceError
from search_spaces.layers import ConvNormAct, LayerSpec
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session


def conv(width: int) -> LayerSpec:
    return ConvNormAct((3, 8, 8), width, 3, 1, "relu")


A, B, C = conv(4), conv(8), conv(16)
EMPTY = LookupTable(device=DEVICE, context=CONTEXT)
TABLE = EMPTY.merged(
    [A, B],
    [
        session("s1", {layer_key(A): 0.10, layer_key(B): 0.30}),
        session("s2", {layer_key(A): 0.12, layer_key(B): 0.30}),
    ],
)


def test_the_key_is_the_digest_of_the_signature() -> None:
    assert layer_key(A) == hashlib.sha256(A.signature().encode()).hexdigest()
    assert TABLE.entries[layer_key(A)].signature == A.signature()


def test_an_entry_is_the_median_over_sessions_with_where_it_comes_from() -> None:
    entry = TABLE.entries[layer_key(A)]
    assert entry.median_ms == pytest.approx(0.11)
    assert entry.rel_sd == pytest.approx(0.02 / 2**0.5 / 0.11)
    assert entry.num_sessions == 2
    assert entry.kind == "measured"
    assert [value.session_id for value in entry.values] == ["s1", "s2"]
    assert TABLE.session_ids == ("s1", "s2")


def test_costs_are_in_the_order_of_the_layers() -> None:
    assert TABLE.costs_ms([B, A, B]).tolist() == pytest.approx([0.30, 0.11, 0.30])


def test_a_layer_without_an_entry_is_an_error_and_never_nothing() -> None:
    assert TABLE.missing([A, C, B, C]) == [C]
    with pytest.raises(MeasurementError, match="1 layers are not in the table") as caught:
        TABLE.costs_ms([A, C])
    assert caught.value.code == "missing_layers"


def test_what_is_fitted_or_stale_has_to_be_measured() -> None:
    key = layer_key(A)
    for change in ({"kind": "fitted"}, {"checked": False}):
        entries = {**TABLE.entries, key: TABLE.entries[key].model_copy(update=change)}
        table = TABLE.model_copy(update={"entries": entries})
        assert table.missing([A, B]) == [A]
        with pytest.raises(MeasurementError) as caught:
            table.costs_ms([A, B])
        assert caught.value.code == "missing_layers"
        assert table.costs_ms([A, B], filled=True).tolist() == TABLE.costs_ms([A, B]).tolist()
        with pytest.raises(MeasurementError, match="1 layers are not in the table"):
            table.costs_ms([A, C], filled=True)


def test_a_table_of_an_earlier_version_is_read() -> None:
    document = TABLE.model_dump(mode="json")
    for entry in document["entries"].values():
        del entry["checked"], entry["origin"]
    assert LookupTable.model_validate(document) == TABLE


def test_what_probes_of_another_precision_told_is_not_known_of_an_int8_context() -> None:
    graph = RuntimeGraph(drops_dead_branches=True, skips_zeros=False, fuses_norm_and_activation=True)
    int8 = EMPTY.model_copy(update={"context": replace(CONTEXT, precision="int8"), "graph": graph})
    assert EMPTY.model_copy(update={"graph": graph}).known_graph == graph
    assert int8.known_graph is None, "as tables of earlier versions have it"
    own = graph.model_copy(update={"precision": "int8"})
    assert int8.model_copy(update={"graph": own}).known_graph == own
    assert "precision" not in graph.model_dump()


def test_a_later_session_joins_the_earlier_ones() -> None:
    later = TABLE.merged([A, C], [session("late", {layer_key(A): 0.20, layer_key(C): 0.5})])
    assert later.entries[layer_key(A)].median_ms == pytest.approx(0.12)
    assert later.entries[layer_key(C)].rel_sd == SINGLE_SESSION_REL_SD
    assert later.missing([A, B, C]) == []
    assert TABLE.missing([C]) == [C]  # the old table is as it was


def test_merging_a_session_twice_changes_nothing() -> None:
    one = session("s1", {layer_key(A): 0.10})
    table = EMPTY.merged([A], [one])
    assert table.merged([A], [one]) == table


def test_the_first_session_sets_the_reference_of_the_anchors() -> None:
    assert EMPTY.reference_ms == {}
    assert TABLE.reference_ms == {"anchor": 0.5}


def on_day(day: int, ms: float, *, busy: bool = False) -> SessionResult:
    """A session of a layer in March."""
    found = session(f"{day}", {layer_key(A): ms})
    conditions = Conditions(too_busy=busy)
    return found.model_copy(
        update={"started_at": f"2026-03-{day:02}T08:00:00+00:00", "conditions": conditions}
    )


def at(day: int) -> datetime:
    return datetime(2026, 3, day, 20, tzinfo=UTC)


def test_an_entry_is_provisional_until_a_third_session_on_a_later_day() -> None:
    table = EMPTY.merged([A], [on_day(1, 1.0), on_day(2, 1.02)])
    entry = table.entries[layer_key(A)]
    assert entry.state_at(at(3)) == "provisional"
    assert table.due([A, B], at(2)) == [], "measured that day"
    assert table.due([A, B], at(3)) == [A]
    later = table.merged([A], [on_day(3, 1.01)])
    assert later.entries[layer_key(A)].state_at(at(3)) == "settled"
    assert later.due([A], at(20)) == []
    stale = at(3) + timedelta(days=90)
    assert later.entries[layer_key(A)].state_at(stale) == "stale"
    assert later.due([A], stale) == [A]
    assert sum(later.states.values()) == 1


def test_an_entry_that_was_measured_beside_other_work_is_suspect() -> None:
    table = EMPTY.merged([A], [on_day(1, 1.0, busy=True), on_day(2, 1.02, busy=True)])
    assert table.entries[layer_key(A)].state_at(at(2)) == "suspect"


def test_states_of_some_layers_count_each_that_has_an_entry_once() -> None:
    table = EMPTY.merged([A], [on_day(1, 1.0, busy=True), on_day(2, 1.02, busy=True)])
    table = table.merged([B], [session(f"s{n}", {layer_key(B): 2.0}) for n in (1, 2)])
    assert table.states_of([A, A]) == {"suspect": 1}
    assert sum(table.states_of([A, B, A]).values()) == 2
    assert EMPTY.states_of([A]) == {}


def test_what_is_in_doubt_is_due_the_same_day() -> None:
    busy = [on_day(1, 1.0, busy=True), on_day(2, 1.02, busy=True)]
    assert EMPTY.merged([A], busy).due([A], at(2)) == [A]
    assert EMPTY.merged([A], busy[:1]).due([A], at(1)) == [A]
    alone = EMPTY.merged([A], [on_day(1, 1.0)])
    assert alone.entries[layer_key(A)].state_at(at(1)) == "unconfirmed"
    assert alone.due([A], at(1)) == [A]


def test_a_session_that_the_others_contradict_does_not_count() -> None:
    entry = EMPTY.merged([A], [on_day(1, 1.0), on_day(2, 3.0), on_day(3, 1.02)]).entries[layer_key(A)]
    assert entry.median_ms == pytest.approx(1.01)
    assert entry.num_sessions == 3
    assert entry.rel_sd < 0.02


def test_a_first_session_that_was_slow_is_held_against_the_reference_of_the_last() -> None:
    slow = on_day(1, 1.4).model_copy(update={"reference_ms": {"anchor": 0.7}})
    table = EMPTY.merged([A], [slow, on_day(2, 1.0), on_day(3, 1.02)])
    assert table.reference_ms == {"anchor": 0.5}
    assert table.entries[layer_key(A)].median_ms == pytest.approx(1.01)
    assert [value.suspect for value in table.entries[layer_key(A)].values] == [True, False, False]


def test_networks_measured_beside_do_not_become_entries() -> None:
    table = EMPTY.merged([A], [session("s1", {layer_key(A): 0.1, "network": 3.0})])
    assert list(table.entries) == [layer_key(A)]


def test_a_session_of_another_context_is_refused() -> None:
    other = session("s1", {layer_key(A): 0.1}, context=replace(CONTEXT, threads=2))
    with pytest.raises(MeasurementError, match="2 threads") as caught:
        TABLE.merged([A], [other])
    assert caught.value.code == "context_mismatch"


def test_a_saved_table_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "tables" / "table.json"
    table = TABLE.with_correction("ab" * 32, calibrate([]))
    table.save(path)
    assert LookupTable.load(path) == table
    first = path.read_bytes()
    LookupTable.load(path).save(path)
    assert path.read_bytes() == first
    assert [found.name for found in path.parent.iterdir()] == ["table.json"]


@pytest.mark.parametrize("damage", ["truncate", "edit", "no digest", "list", "empty"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "table.json"
    TABLE.save(path)
    whole = path.read_text(encoding="utf-8")
    broken = {
        "truncate": whole[: len(whole) // 2],
        "edit": whole.replace("0.11", "0.10", 1),
        "no digest": json.dumps({"table": json.loads(whole)["table"]}),
        "list": "[]",
        "empty": "",
    }[damage]
    assert broken != whole
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(ArtifactError, match="table.json is damaged") as caught:
        LookupTable.load(path)
    assert caught.value.code == "damaged_table"


def test_a_full_disk_leaves_the_old_table_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.json"
    EMPTY.save(path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError) as caught:
        TABLE.save(path)
    assert caught.value.code == "disk_full"
    assert LookupTable.load(path) == EMPTY
    assert [found.name for found in tmp_path.iterdir()] == ["table.json"]


def test_spread_is_told_for_the_table() -> None:
    assert EMPTY.median_rel_sd == 0.0
    spreads = [entry.rel_sd for entry in TABLE.entries.values()]
    assert min(spreads) < TABLE.median_rel_sd < max(spreads)


def test_what_an_older_version_measured_goes_with_the_sessions_that_it_was_held_against() -> None:
    older = EMPTY.merged([C], [session("old", {layer_key(C): 0.5})]).entries[layer_key(C)]
    promoted = older.model_copy(update={"origin": "e" * 64})
    table = TABLE.model_copy(update={"entries": {**TABLE.entries, layer_key(C): promoted}})
    assert layer_key(C) in table.without_sessions({"s1"}).entries
    assert table.without_sessions({"s1", "s2"}) == EMPTY
