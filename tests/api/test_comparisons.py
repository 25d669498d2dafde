"""Two tables side by side: how much slower, how alike, and where they differ."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from api.comparisons import SpaceWish, TableComparison, compare_tables
from api.devices import list_tables
from latency_predictors.calibration import calibrate
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.lookup_table import LookupTable, layer_key
from nas.report.words import report_sentence
from nas.settings import Settings
from search_spaces.base import space_digest
from search_spaces.errors import UsageError
from search_spaces.layers import InvertedResidual, PooledHead
from search_spaces.slot_tables import distinct_layers
from tests.api.handmade import SPACE, calm_today, lookup_table, saved_table

GREY = SpaceWish(preset="tiny", in_channels=1)


def times(spec: object) -> float:
    """How much slower the other device is: blocks twice, heads four times, the rest half as slow again."""
    return 2.0 if isinstance(spec, InvertedResidual) else 4.0 if isinstance(spec, PooledHead) else 1.5


def slower(cpu_model: str = "Slow CPU") -> LookupTable:
    table = lookup_table(cpu_model)
    entries = {
        layer_key(spec): table.entries[layer_key(spec)].model_copy(update={"median_ms": 0.011 * times(spec)})
        for spec in distinct_layers(SPACE)
    }
    return table.model_copy(update={"entries": entries})


def shown(found: TableComparison) -> str:
    """What the terminal shows."""
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(found)
    return console.export_text()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    saved_table(tmp_path, lookup_table())
    saved_table(tmp_path, slower())
    return Settings(home=tmp_path)


def names(settings: Settings) -> tuple[str, str]:
    """This machine's table, and the other one."""
    first, second = (line.name for line in list_tables(settings).tables)
    return first, second


def test_ratios_are_of_the_second_over_the_first(settings: Settings) -> None:
    found = compare_tables(settings, *names(settings), GREY)
    assert (found.first.name, found.second.name) == names(settings)
    assert "Slow CPU" in found.second.device
    kinds = {kind.kind: kind.ratios.median for kind in found.kinds}
    assert kinds["inverted_residual"] == pytest.approx(2.0)
    assert kinds["pooled_head"] == pytest.approx(4.0)
    assert kinds["conv_norm_act"] == pytest.approx(1.5)
    assert found.layers.count == len(distinct_layers(SPACE))
    assert found.layers.median == pytest.approx(2.0)
    assert found.layers.low <= found.layers.median <= found.layers.high
    # Further from the median than anything else: heads, by a factor of two.
    assert [layer.ratio for layer in found.differing[:3]] == pytest.approx([4.0, 4.0, 4.0])
    turned = compare_tables(settings, *names(settings)[::-1], GREY)
    assert turned.layers.median == pytest.approx(0.5)


def test_networks_are_predicted_with_both(settings: Settings) -> None:
    found = compare_tables(settings, *names(settings), GREY).networks
    assert found is not None
    assert found.count == 1_000
    assert 1.5 < found.median < 3.0
    assert found.rank_correlation > 0.95


def calibrated_on(table: LookupTable, *num_layers: int) -> LookupTable:
    """The same table, calibrated on networks of so many layers; each other one took a tenth longer."""
    points = [
        CalibrationPoint(
            digest=f"other {n}",
            sum_ms=0.02 * n,
            num_layers=n,
            num_macs=1_000 * n,
            measured_ms=0.02 * n * (1.1 if number % 2 else 1.0),
            rel_sd=0.01,
        )
        for number, n in enumerate(num_layers)
    ]
    return table.with_correction(space_digest(SPACE), calibrate(points))


def compared_with(settings: Settings, table: LookupTable) -> TableComparison:
    """This machine's table and another one."""
    saved_table(settings.home, table)
    other = next(line.name for line in list_tables(settings).tables if table.device.label == line.device)
    return compare_tables(settings, names_of_this(settings), other, GREY)


def test_predictions_of_both_say_how_good_they_are(settings: Settings) -> None:
    here, there = lookup_table(), calibrated_on(slower("Other CPU"), 4, 6, 8, 10, 12, 14, 16, 20)
    found = compared_with(settings, there)
    digest = space_digest(SPACE)
    expected = [here.corrections[digest].report, there.corrections[digest].report]
    assert [found.first.report, found.second.report] == expected
    assert expected[0] != expected[1]
    lines = shown(found).splitlines()
    for table, report in zip((found.first, found.second), expected, strict=True):
        assert report is not None
        begin = next(number for number, line in enumerate(lines) if table.name in line)
        told = next(line.strip() for line in lines[begin:] if "left out one by one" in line)
        assert told == f"predicted latencies of {SPACE.name}, {report_sentence(report)}"
    turned = compare_tables(settings, found.second.name, found.first.name, GREY)
    assert [turned.first.report, turned.second.report] == expected[::-1]


def test_predictions_from_too_few_networks_say_so(settings: Settings) -> None:
    found = compared_with(settings, calibrated_on(slower("Other CPU"), 4, 8, 12))
    assert found.networks is not None
    assert found.first.report is not None
    assert found.second.report is None
    _, second = shown(found).split("\nsecond  ")
    assert f"predicted latencies of {SPACE.name}: too few whole networks were measured to say" in second
    assert "left out one by one" not in second


def test_a_table_for_another_space_has_no_report_of_this_one(settings: Settings) -> None:
    """Nothing is predicted, so only the table that could do it says how well."""
    found = compared_with(settings, slower("Other CPU").model_copy(update={"corrections": {}}))
    assert found.networks is None
    assert found.first.report is not None
    assert found.second.report is None
    text = shown(found)
    assert text.count("left out one by one") == 1
    assert "too few whole networks" not in text


def test_a_comparison_that_was_kept_by_an_earlier_version_is_read(settings: Settings) -> None:
    found = compare_tables(settings, *names(settings), GREY)
    document = found.model_dump(mode="json")
    for table in ("first", "second"):
        del document[table]["report"]
    assert TableComparison.model_validate(document).first.report is None


def test_a_space_that_one_of_them_lacks_is_told(settings: Settings) -> None:
    found = compare_tables(settings, *names(settings), SpaceWish(preset="tiny", in_channels=3))
    assert found.networks is None
    text = shown(found)
    assert "not both tables are profiled for mobilenet_v3/tiny" in text
    assert "layers, inverted_residual" in text


def test_times_that_are_suspect_are_marked(settings: Settings) -> None:
    """The two sessions of this machine's table contradict each other; those of the other one agree."""
    saved_table(settings.home, calm_today(slower("Calm CPU")))
    names = {line.device.split(",")[0]: line.name for line in list_tables(settings).tables}
    found = compare_tables(settings, names_of_this(settings), names["Calm CPU"], GREY)
    assert found.first.states == {"suspect": found.first.num_layers}
    assert found.second.states == {"provisional": found.second.num_layers}
    assert {(one.first_state, one.second_state) for one in found.differing} == {("suspect", "provisional")}
    text = shown(found)
    assert f"{found.first.num_layers} of {found.first.num_layers} layers are suspect: " in text
    assert text.count("profile again when it is idle") == 1
    assert text.count("ms (suspect)") == len(found.differing)


def test_fitted_entries_are_not_compared(settings: Settings) -> None:
    table = slower("Another CPU")
    spec = distinct_layers(SPACE)[0]
    fitted = table.entries[layer_key(spec)].model_copy(update={"kind": "fitted", "values": ()})
    saved_table(
        settings.home, table.model_copy(update={"entries": {**table.entries, layer_key(spec): fitted}})
    )
    lines = {line.device.split(",")[0]: line.name for line in list_tables(settings).tables}
    found = compare_tables(settings, lines["Slow CPU"], lines["Another CPU"], GREY)
    assert found.layers.count == len(distinct_layers(SPACE)) - 1
    assert found.networks is None


def test_tables_without_a_common_layer_cannot_be_compared(settings: Settings) -> None:
    table = lookup_table("Another CPU")
    entries = {
        key: entry.model_copy(update={"signature": entry.signature.replace("1", "3")})
        for key, entry in table.entries.items()
    }
    device = replace(table.device, cpu_model="Third CPU")
    saved_table(settings.home, LookupTable(device=device, context=table.context, entries=entries))
    third = next(line.name for line in list_tables(settings).tables if "Third CPU" in line.device)
    with pytest.raises(UsageError, match="profile both for one space") as caught:
        compare_tables(settings, names_of_this(settings), third, GREY)
    assert caught.value.code == "nothing_in_common"


def names_of_this(settings: Settings) -> str:
    """The table of this machine."""
    return list_tables(settings).tables[0].name


def test_a_table_that_is_not_there_is_refused(settings: Settings) -> None:
    with pytest.raises(UsageError) as caught:
        compare_tables(settings, names_of_this(settings), "nothing", GREY)
    assert caught.value.code == "unknown_table"
