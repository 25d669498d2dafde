"""Predicted costs are those of the table and of the layers' shapes."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from api.devices import list_tables
from api.predictions import Wish, predict_costs
from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import layer_key
from latency_predictors.memory import activation_bytes
from nas.settings import Settings
from nas.specs import ContextSpec, LatencySpec
from search_spaces.base import architecture_from_values, space_digest
from search_spaces.errors import MeasurementError, UsageError
from search_spaces.layers import InvertedResidual
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, smallest
from search_spaces.slot_tables import distinct_layers
from tests.api.few_shot_models import saved_few_shot
from tests.api.handmade import SMALLEST, SPACE, calm_today, finished_search, lookup_table, saved_table

GREY = Wish(preset="tiny", in_channels=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def profiled(settings: Settings) -> Settings:
    saved_table(settings.home, lookup_table())
    return settings


def written(folder: Path, document: object) -> Wish:
    """A wish for the architecture in a file."""
    path = folder / "architecture.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return Wish(preset="tiny", in_channels=1, architecture=path)


@pytest.mark.parametrize("document", [SMALLEST, {"name": "net-1", "options": SMALLEST}])
def test_an_architecture_costs_what_its_layers_say(
    profiled: Settings, tmp_path: Path, document: dict[str, object]
) -> None:
    (network,) = predict_costs(profiled, written(tmp_path, document)).networks
    specs = layers(SPACE, as_architecture(smallest(SPACE)[0]))
    assert network.architecture == SMALLEST
    # The table was calibrated with a = 1 and no other terms.
    assert network.latency_ms.value == pytest.approx(0.011 * len(specs), rel=1e-4)
    assert network.latency_ms.lower < network.latency_ms.value < network.latency_ms.upper
    assert network.latency_ms.kind == "table"
    assert network.num_params.value == sum(spec.num_params for spec in specs)
    assert network.num_macs.value == sum(spec.macs for spec in specs)
    # Nothing is alive beside the running layer of a chain.
    assert network.peak_memory_bytes.value == max(spec.activation_bytes for spec in specs)
    assert network.peak_memory_bytes.kind == "modelled"


def test_another_context_has_another_table(profiled: Settings) -> None:
    context = ContextSpec(runtime="openvino", batch=8)
    with pytest.raises(MeasurementError, match="openvino .*batch 8") as caught:
        predict_costs(profiled, Wish(preset="tiny", in_channels=1, context=context))
    assert caught.value.code == "no_profile"
    assert caught.value.message.endswith("--channels 1 --runtime openvino --batch 8`")
    where = host_context("openvino", batch=8)
    saved_table(profiled.home, lookup_table().model_copy(update={"context": where}))
    found = predict_costs(profiled, Wish(preset="tiny", in_channels=1, context=context))
    assert found.context == where.label


def test_int8_is_not_predicted_with_the_table_of_fp32(profiled: Settings) -> None:
    wish = Wish(preset="tiny", in_channels=1, context=ContextSpec(precision="int8"))
    with pytest.raises(MeasurementError, match="--channels 1 --precision int8`"):
        predict_costs(profiled, wish)
    where = replace(host_context(), precision="int8")
    saved_table(profiled.home, lookup_table().model_copy(update={"context": where}))
    assert predict_costs(profiled, wish).context == where.label


def test_random_networks_are_the_same_for_the_same_seed(profiled: Settings) -> None:
    first = predict_costs(profiled, Wish(preset="tiny", in_channels=1, num_random=5, seed=3))
    assert len(first.networks) == 5
    assert first == predict_costs(profiled, Wish(preset="tiny", in_channels=1, num_random=5, seed=3))
    other = predict_costs(profiled, Wish(preset="tiny", in_channels=1, num_random=5, seed=4))
    assert first.networks != other.networks


def test_a_search_gives_its_space_and_images(profiled: Settings) -> None:
    finished_search(profiled.home)
    found = predict_costs(profiled, Wish(search="latest"))
    assert (found.space.preset, found.num_classes, found.in_channels) == ("tiny", 10, 1)


def test_without_a_table_the_command_that_makes_one_is_told(settings: Settings) -> None:
    command = "hwnas devices profile --space mobilenet_v3 --preset tiny --classes 10 --channels 1"
    with pytest.raises(MeasurementError, match=command) as caught:
        predict_costs(settings, GREY)
    assert caught.value.code == "no_profile"


def test_a_table_that_lacks_layers_of_the_space_does_not_do(profiled: Settings) -> None:
    with pytest.raises(MeasurementError, match=r"^\d+ of 142 layers are not measured"):
        predict_costs(profiled, Wish(preset="tiny", num_classes=7, in_channels=1))


def test_predictions_say_how_good_they_are(profiled: Settings) -> None:
    found = predict_costs(profiled, GREY)
    correction = lookup_table().corrections[space_digest(SPACE)]
    assert found.report == correction.report
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(found)
    assert "networks left out one by one: median error 0" in console.export_text()
    assert "not measured" not in console.export_text()


def test_layers_in_doubt_are_told_beside_predictions(profiled: Settings) -> None:
    found = predict_costs(profiled, GREY)
    assert found.states == {"suspect": 142}
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(found)
    assert "142 of 142 layers are suspect: the machine was busy" in console.export_text()
    saved_table(profiled.home, calm_today(lookup_table()))
    console.print(predict_costs(profiled, GREY))
    assert console.export_text().count("suspect") == 0


def test_layers_that_are_not_measured_are_filled_in_on_request(settings: Settings) -> None:
    table = lookup_table()
    blocks = [spec for spec in distinct_layers(SPACE) if isinstance(spec, InvertedResidual)]
    kept = {key: one for key, one in table.entries.items() if key != layer_key(blocks[0])}
    saved_table(settings.home, table.model_copy(update={"entries": kept}))
    with pytest.raises(MeasurementError, match=r"1 of 142 .* or fill them in with --fill"):
        predict_costs(settings, GREY)
    found = predict_costs(settings, replace(GREY, num_random=400, fill=True))
    fitted = [one for one in found.networks if one.coverage < 1.0]
    assert 0 < len(fitted) < 400
    for one in found.networks:
        assert one.latency_ms.kind == ("fitted" if one.coverage < 1.0 else "table")
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(found)
    assert "layers that were not measured, or may not run, make up to" in console.export_text()
    assert found.states == {"suspect": 141}, "what is fitted is in no state"


def test_a_space_that_was_never_calibrated_is_a_bare_sum(profiled: Settings) -> None:
    found = predict_costs(profiled, Wish(preset="tiny", num_classes=7, in_channels=1, fill=True))
    assert found.report is None
    assert found.networks[0].latency_ms.kind == "modelled"
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(found)
    assert "too few whole networks were measured" in console.export_text()


def test_a_table_of_another_machine_does_not_do(settings: Settings) -> None:
    saved_table(settings.home, lookup_table(cpu_model="Another CPU"))
    with pytest.raises(MeasurementError, match="142 of 142 layers are not measured"):
        predict_costs(settings, GREY)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("no json", "invalid_architecture"),
        ([1, 2], "invalid_architecture"),
        ({"options": 3}, "invalid_architecture"),
        ({**SMALLEST, "depth": 1}, "unknown_choice"),
        ({"resolution": 16}, "missing_choice"),
        ({**SMALLEST, "resolution": 17}, "unknown_option"),
    ],
)
def test_what_is_no_architecture_is_refused(
    profiled: Settings, tmp_path: Path, document: object, code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        predict_costs(profiled, written(tmp_path, document))
    assert caught.value.code == code


def test_a_file_that_is_not_there_is_named(profiled: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.json"):
        predict_costs(profiled, Wish(preset="tiny", in_channels=1, architecture=tmp_path / "nothing.json"))


def test_another_devices_table_predicts_for_that_device(settings: Settings) -> None:
    saved_table(settings.home, lookup_table(cpu_model="A small board"))
    (line,) = list_tables(settings).tables
    predicted = predict_costs(settings, Wish(preset="tiny", in_channels=1, table=line.name[:8]))
    assert predicted.device.startswith("A small board")
    assert predicted.networks[0].latency_ms.kind == "table"
    with pytest.raises(MeasurementError, match="profile that device") as caught:
        predict_costs(settings, Wish(preset="tiny", in_channels=3, table=line.name))
    assert caught.value.code == "no_profile"


def test_without_a_table_a_model_of_few_networks_predicts_and_says_so(settings: Settings) -> None:
    model = saved_few_shot(settings.home)
    predicted = predict_costs(settings, GREY)
    assert (predicted.device, predicted.level) == (host_device().label, model.level)
    assert predicted.few_shot == model.report
    (network,) = predicted.networks
    assert network.latency_ms.kind == "fitted"
    assert network.latency_ms.value == pytest.approx(1e-7 * network.num_macs.value + 0.01, rel=0.2)
    p95, digest, table = LatencySpec(statistic="p95"), space_digest(SPACE), lookup_table()
    with pytest.raises(MeasurementError, match="no correction of .* for p95"):
        predict_costs(settings, replace(GREY, latency=p95))
    # Nor does it stand in for a table that has one, and lacks a layer.
    lacking = table.model_copy(update={"entries": dict(list(table.entries.items())[1:])})
    saved_table(
        settings.home, lacking.with_correction(p95.metric.correction_key(digest), table.corrections[digest])
    )
    with pytest.raises(MeasurementError, match="1 of 142 layers are not measured"):
        predict_costs(settings, replace(GREY, latency=p95))
    saved_table(settings.home, lookup_table())
    assert predict_costs(settings, GREY).networks[0].latency_ms.kind == "table"


def test_memory_is_that_of_the_batch(profiled: Settings) -> None:
    where = host_context(batch=8)
    saved_table(profiled.home, lookup_table().model_copy(update={"context": where}))
    eight = predict_costs(profiled, replace(GREY, context=ContextSpec(batch=8))).networks[0]
    one = predict_costs(profiled, GREY).networks[0]
    assert eight.peak_memory_bytes.value == 8 * one.peak_memory_bytes.value
    assert (eight.num_params, eight.num_macs) == (one.num_params, one.num_macs)


def test_memory_is_that_of_the_precision(profiled: Settings) -> None:
    where = replace(host_context(), precision="int8")
    saved_table(profiled.home, lookup_table().model_copy(update={"context": where}))
    int8 = predict_costs(profiled, replace(GREY, context=ContextSpec(precision="int8"))).networks[0]
    fp32 = predict_costs(profiled, GREY).networks[0]
    assert int8.architecture == fp32.architecture
    specs = layers(SPACE, architecture_from_values(SPACE, int8.architecture))
    assert int8.peak_memory_bytes.value == max(activation_bytes(spec, "int8") for spec in specs)
    assert int8.peak_memory_bytes.value < fp32.peak_memory_bytes.value
