"""Lookup tables are shown as they were measured."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from api.devices import list_tables, show_table
from latency_predictors.device import host_device
from latency_predictors.probes import RuntimeGraph
from nas.settings import Settings
from search_spaces.errors import ArtifactError, UsageError
from tests.api.handmade import calm_today, lookup_table, saved_table


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_without_tables_the_way_to_one_is_told(settings: Settings) -> None:
    found = list_tables(settings)
    assert (found.tables, found.this_machine) == ((), host_device().label)
    with pytest.raises(UsageError, match="run `hwnas devices profile`") as caught:
        show_table(settings, None)
    assert caught.value.code == "no_table"


def test_this_machines_table_comes_first(settings: Settings) -> None:
    saved_table(settings.home, lookup_table(cpu_model="Another CPU"))
    saved_table(settings.home, lookup_table())
    lines = list_tables(settings).tables
    assert [line.this_machine for line in lines] == [True, False]
    assert "Another CPU" in lines[1].device
    assert lines[0].name.startswith(host_device().digest[:12])
    assert lines[0].last_measured == "2026-01-03T00:00:00+00:00"
    num_layers = len(lookup_table().entries)
    assert (lines[0].num_layers, lines[0].num_spaces) == (num_layers, 1)
    assert lines[0].states == {"suspect": num_layers}


def test_how_far_layers_can_be_trusted_is_told_with_what_to_do(settings: Settings) -> None:
    saved_table(settings.home, lookup_table())
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(show_table(settings, None))
    console.print(list_tables(settings))
    text = console.export_text()
    num_layers = len(lookup_table().entries)
    assert f"{num_layers} of {num_layers} layers are suspect: the machine was busy" in text
    assert "profile again when it is idle" in text
    assert text.count(f"{num_layers} suspect") == 2
    assert "on a later day" not in text


def test_layers_that_a_later_day_settles_are_told(settings: Settings) -> None:
    saved_table(settings.home, calm_today(lookup_table()))
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(show_table(settings, None))
    text = console.export_text()
    assert f"{len(lookup_table().entries)} provisional; `hwnas devices profile` on a later day" in text
    assert "suspect" not in text


def test_a_table_shows_sessions_layers_and_errors(settings: Settings) -> None:
    saved_table(settings.home, lookup_table())
    shown = show_table(settings, None)
    num_layers = len(lookup_table().entries)
    assert [(one.id, one.started_at[:10], one.num_layers) for one in shown.sessions] == [
        ("first", "2026-01-02", num_layers),
        ("second", "2026-01-03", num_layers),
    ]
    assert len(shown.layers) == num_layers
    # Every layer was measured at 0.010 and 0.012 ms.
    assert {layer.median_ms for layer in shown.layers} == {0.011}
    # That differs by more than sessions may.
    assert {layer.state for layer in shown.layers} == {"suspect"}
    (calibration,) = shown.calibrations
    assert (calibration.formula, calibration.predicts) == ("1.00 * sum", "median")
    assert calibration.num_networks == 5
    assert calibration.report is not None


def test_layers_of_another_version_are_told(settings: Settings) -> None:
    table = lookup_table()
    keys = list(table.entries)
    changes: dict[str, dict[str, object]] = {
        keys[0]: {"checked": False, "origin": "e" * 64},
        keys[1]: {"origin": "e" * 64},
    }
    entries = {key: one.model_copy(update=changes.get(key, {})) for key, one in table.entries.items()}
    saved_table(settings.home, table.model_copy(update={"entries": entries}))
    shown = show_table(settings, None)
    assert sum(layer.stale for layer in shown.layers) == 1
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(shown)
    text = console.export_text()
    assert "(median), 1 kept from another version" in text
    assert "1 stale" in text
    assert "measured over predicted, %" in text


def test_a_table_shows_its_units_and_what_probes_found(settings: Settings) -> None:
    table = lookup_table()
    graph = RuntimeGraph(drops_dead_branches=True, skips_zeros=False, fuses_norm_and_activation=True)
    entries = {
        key: entry.model_copy(
            update={"values": tuple(one.model_copy(update={"unit": "board-1f"}) for one in entry.values)}
        )
        for key, entry in table.entries.items()
    }
    saved_table(settings.home, table.model_copy(update={"graph": graph, "entries": entries}))
    shown = show_table(settings, None)
    assert {one.unit for one in shown.sessions} == {"board-1f"}
    assert shown.graph == graph
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(shown)
    text = console.export_text()
    assert "drops dead branches, runs convolutions of zeros, fuses batch norm and activation" in text
    assert "board-1f" in text


def test_what_boards_say_is_no_markup(settings: Settings) -> None:
    odd = lookup_table(cpu_model="A [/] CPU")
    odd = odd.model_copy(update={"context": replace(odd.context, power_mode="fast [/b]")})
    entries = {
        key: entry.model_copy(
            update={"values": tuple(one.model_copy(update={"unit": "[/]"}) for one in entry.values)}
        )
        for key, entry in odd.entries.items()
    }
    saved_table(settings.home, odd.model_copy(update={"entries": entries}))
    tables = list_tables(settings)
    console = Console(width=250, file=io.StringIO(), record=True)
    console.print(tables)
    console.print(show_table(settings, tables.tables[0].name))
    text = console.export_text()
    assert text.count("A [/] CPU") == 2
    assert text.count("fast [/b]") == 2
    assert len([line for line in text.splitlines() if line.rstrip().endswith(" [/]")]) == 2, "two sessions"


def test_a_table_of_quantised_layers_says_what_their_ranges_are_from(settings: Settings) -> None:
    fp32 = lookup_table()
    saved_table(settings.home, fp32)
    assert show_table(settings, None).ranges_from == ""
    context = replace(fp32.context, precision="int8")
    int8 = fp32.model_copy(update={"context": context})
    saved_table(settings.home, int8)
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(show_table(settings, f"{int8.device.digest[:12]}-{context.digest[:12]}"))
    assert "each quantised alone, its ranges from random inputs of a fixed seed" in console.export_text()


def test_meters_of_this_machine_are_told_beside_its_table(settings: Settings) -> None:
    saved_table(settings.home, lookup_table(cpu_model="Another CPU"))
    saved_table(settings.home, lookup_table())
    here, elsewhere = (show_table(settings, line.name) for line in list_tables(settings).tables)
    assert any(meter.startswith("rapl") for meter in here.meters)
    assert elsewhere.meters == ()


def test_a_damaged_table_is_listed_and_refused(settings: Settings) -> None:
    saved_table(settings.home, lookup_table())
    (path,) = (path for path in (settings.home / "artifacts").glob("??/*") if path.is_file())
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"0.01", b"0.02", 1))
    (line,) = list_tables(settings).tables
    assert line.damaged
    with pytest.raises(ArtifactError) as caught:
        show_table(settings, line.name)
    assert caught.value.code == "artifact_damaged"


def test_a_table_goes_by_the_start_of_its_name(settings: Settings) -> None:
    saved_table(settings.home, lookup_table(cpu_model="One CPU"))
    saved_table(settings.home, lookup_table(cpu_model="Another CPU"))
    first, second = (line.name for line in list_tables(settings).tables)
    assert show_table(settings, first[:6]).name == first
    for name, code in (("x", "unknown_table"), ("", "ambiguous_table")):
        with pytest.raises(UsageError, match=f"{first}, {second}") as caught:
            show_table(settings, name)
        assert caught.value.code == code
