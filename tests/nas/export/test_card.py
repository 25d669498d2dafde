import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from latency_predictors.device import ExecutionContext, host_context
from nas.export.card import Card, architecture_document, measurements_document, readme
from nas.export.classifier import read_metadata
from nas.export.rendering import markdown
from nas.results import Accuracy, AccuracyShift, Agreement, Sustained
from tests.nas.export.cards import DEVICE, card_in, example_card
from tests.nas.export.conftest import NAMES
from tests.nas.report.documents import TABLE_REPORT, energy, figure


def head_and_text(card: Card, model: Path) -> tuple[dict[str, Any], str]:
    # As huggingface_hub.repocard finds the head.
    found = re.fullmatch(r"---\n([\S\s]*?)\n---\n([\S\s]*)", readme(card, read_metadata(model), 3))
    assert found
    return yaml.safe_load(found[1]), found[2]


def test_the_head_has_the_fields_that_model_hubs_read(model: Path) -> None:
    head, _ = head_and_text(example_card(model), model)
    assert head["library_name"] == "onnx"
    assert head["pipeline_tag"] == "image-classification"
    assert head["metrics"] == ["accuracy"]
    (entry,) = head["model-index"]
    (result,) = entry["results"]
    assert entry["name"] == "net-3f9a1c"
    assert result["task"] == {"type": "image-classification"}
    assert result["dataset"] == {"name": "digits", "type": "digits", "split": "test"}
    assert [metric["value"] for metric in result["metrics"]] == [0.975, 0.431]


def test_a_network_that_was_measured_with_another_runtime_is_run_with_the_one_it_was_scored_with(
    model: Path,
) -> None:
    card = example_card(model)
    assert card.scored_in == card.context
    elsewhere = ExecutionContext("openvino", "2026.4.1", threads=2, batch=8)
    target = card.target.model_copy(update={"context": asdict(elsewhere), "context_label": elsewhere.label})
    card = replace(card, target=target, versions={"onnxruntime": "1.31.1"})
    assert card.scored_in == ExecutionContext("onnxruntime", "1.31.1")
    _, text = head_and_text(card, model)
    assert "pip install numpy pillow onnxruntime==1.31.1" in text
    assert "accuracy was found out with onnxruntime" in text
    assert "its latency is that of openvino\n2026.4.1" in text
    assert "| latency | median, milliseconds for a batch of 8 |" in text


@pytest.mark.parametrize(
    ("runtime", "told"),
    [
        (
            "onnxruntime",
            "the buffers of input and output were bound beforehand.\nA plain call of `session.run`",
        ),
        (
            "openvino",
            "the network was compiled for its batch, its input\nstood in place. A plain call copies",
        ),
    ],
)
def test_a_latency_says_what_comes_on_top_of_it(runtime: str, told: str, model: Path) -> None:
    card = example_card(model)
    _, text = head_and_text(card_in(card, ExecutionContext(runtime, "1.0")), model)
    assert f"The latency is that of the inference alone: {told}" in text
    assert ("python predict.py --time" in text) == (runtime == "onnxruntime")


def test_a_run_at_a_stretch_is_told_where_there_was_one(model: Path) -> None:
    card = example_card(model)
    _, text = head_and_text(card, model)
    assert "at a stretch" not in text
    run = Sustained(seconds=10.0, first_ms=0.4312, last_ms=0.4701)
    card = replace(card, network=card.network.model_copy(update={"sustained": run}))
    _, text = head_and_text(card, model)
    assert "| first and last tenth of 10 s at a stretch | 0.431 ms, then 0.47 ms |  | measured |" in text
    document = measurements_document(card, read_metadata(model))
    assert document["sustained"]["last_ms"] == 0.4701


def test_only_what_was_measured_with_the_file_in_the_folder_passes_for_that(model: Path) -> None:
    card = example_card(model)
    inherited = {"inherited_accuracy": card.network.accuracy, "finetune_epochs": 3}
    card = replace(card, network=card.network.model_copy(update=inherited))
    _, text = head_and_text(card, model)
    row = "| accuracy with the supernet's weights | 95.0 % |  | measured: another file, not yet trained on |"
    assert row in text
    assert "with the file in this folder where no other is named" in text


def test_a_tail_is_called_a_tail(model: Path) -> None:
    card = example_card(model)
    tail = card.network.latency.model_copy(update={"statistic": "p95", "p95_ms": 0.433})
    card = replace(card, network=card.network.model_copy(update={"latency": tail}))
    head, text = head_and_text(card, model)
    assert "| latency, p95 | 0.433 ms (p95) | 0.425–0.436 ms | measured |" in text
    (result,) = head["model-index"][0]["results"]
    assert result["metrics"][1]["value"] == 0.433
    assert result["metrics"][1]["name"].startswith("p95 on ")


def test_the_head_claims_no_licence(model: Path) -> None:
    head, text = head_and_text(example_card(model), model)
    assert "license" not in head
    assert "## Licence\n\nNot stated" in text


def test_every_figure_has_its_interval_and_says_how_it_was_obtained(model: Path) -> None:
    _, text = head_and_text(example_card(model), model)
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    table = {row[0]: row[1:] for row in rows if len(row) == 4}
    assert table["accuracy, 390 of 400 test images"] == ["97.5 %", "96.0–98.5 % (95 %)", "measured"]
    assert table["accuracy, 190 of 200 confirm images"] == ["95.0 %", "93.0–97.0 % (95 %)", "measured"]
    assert table["latency, median"] == ["0.431 ms", "0.425–0.436 ms", "measured"]
    assert table["accuracy, as predicted"] == ["96.0 %", "94.0–98.0 %", "fitted"]
    assert table["latency, as predicted"] == ["0.44 ms", "0.42–0.46 ms", "table"]
    assert table["peak memory of activations"] == ["18.0 KiB", "", "modelled"]
    assert table["parameters"][2] == table["MACs"][2] == "modelled"


def test_a_suspect_latency_says_so_beside_the_figure_and_below(model: Path) -> None:
    card = example_card(model)
    assert "suspect" not in head_and_text(card, model)[1]
    restless = card.network.latency.model_copy(update={"suspect": True})
    card = replace(card, network=card.network.model_copy(update={"latency": restless}))
    _, text = head_and_text(card, model)
    assert "| latency, median | 0.431 ms (suspect) | 0.425–0.436 ms | measured |" in text
    assert "\nThe latency is *suspect*: its sessions contradict each other" in text
    assert measurements_document(card, read_metadata(model))["latency"]["suspect"]


def test_layers_in_doubt_behind_the_prediction_are_told(model: Path) -> None:
    card = example_card(model)
    assert "lookup table" not in head_and_text(card, model)[1]
    table = card.target.table.model_copy(update={"states": {"suspect": 41, "provisional": 101}})
    card = replace(card, target=card.target.model_copy(update={"table": table}))
    _, text = head_and_text(card, model)
    assert "In the lookup table that its latency was predicted from, 41 of 142 layers are suspect: " in text
    document = measurements_document(card, read_metadata(model))
    assert document["table_states"] == {"suspect": 41, "provisional": 101}


def test_how_good_predictions_are_is_told_beside_what_was_predicted(model: Path) -> None:
    """Earlier results have no error report: nothing is said."""
    card = example_card(model)
    assert "Predicted latencies" not in head_and_text(card, model)[1]
    assert measurements_document(card, read_metadata(model))["table_report"] is None
    table = card.target.table.model_copy(update={"report": TABLE_REPORT})
    card = replace(card, target=card.target.model_copy(update={"table": table}))
    said = "\nPredicted latencies, networks left out one by one: median error 1.80 %, 87.5 % of 16 inside the"
    assert said in head_and_text(card, model)[1]
    assert measurements_document(card, read_metadata(model))["table_report"] == TABLE_REPORT
    stock = card.network.model_copy(update={"predicted_latency": None})
    assert "Predicted latencies" not in head_and_text(replace(card, network=stock), model)[1]


def test_without_test_images_the_published_accuracy_stands_in_the_head(model: Path) -> None:
    card = example_card(model)
    card = replace(card, network=card.network.model_copy(update={"test_accuracy": None}))
    head, text = head_and_text(card, model)
    (result,) = head["model-index"][0]["results"]
    assert result["dataset"]["split"] == "confirm"
    assert result["metrics"][0]["value"] == 0.95
    assert "used the test images once, not for this network" in text
    _, text = head_and_text(replace(card, test_uses=0), model)
    assert "test images" not in text


def test_a_stock_network_is_not_said_to_be_found(model: Path) -> None:
    card = example_card(model)
    card = replace(card, network=card.network.model_copy(update={"origin": "reference"}), supernet=None)
    _, text = head_and_text(card, model)
    assert "A stock image classifier" in text
    assert "found by" not in text


@pytest.mark.parametrize("name", ["---\nlicense: mit", "a: [b", "| x", "\x00\x07"])
def test_a_hostile_data_set_name_stays_a_name(name: str, model: Path) -> None:
    head, text = head_and_text(example_card(model, name), model)
    assert head["model-index"][0]["results"][0]["dataset"]["name"] == name
    assert "license" not in head
    (line,) = [line for line in text.splitlines() if line.startswith("Data set ")]
    assert line == f"Data set {markdown(name)}, SHA-256 `{'ab' * 32}`."


def test_hostile_class_names_stay_on_their_line(model: Path) -> None:
    _, text = head_and_text(example_card(model), model)
    (line,) = [line for line in text.splitlines() if line.startswith("Classes, in the order")]
    assert line.endswith(
        r"plain, pi\|pe, \<b\>bold\</b\>, new\\nline, \`code\`, 日本, a, b, \\x1b\[31mred, ---, \# head."
    )


def test_the_architecture_can_be_built_again_from_its_document(model: Path) -> None:
    metadata = read_metadata(model)
    document = architecture_document(example_card(model), metadata)
    assert document["space"] == "mobilenet_v3/tiny"
    assert document["options"] == metadata.options
    assert document["architecture_digest"] == metadata.architecture_digest
    assert document["class_names"] == list(NAMES)


def test_measurements_hold_figures_kinds_and_provenance(model: Path) -> None:
    card = example_card(model)
    document = json.loads(json.dumps(measurements_document(card, read_metadata(model))))
    assert document["test_accuracy"]["num_correct"] == 390
    assert document["accuracy"]["part"] == "confirm"
    assert document["latency"]["kind"] == "measured"
    assert document["latency"]["sessions"] == ["s1", "s2", "s3"]
    assert document["predicted"]["latency_ms"] == {
        "value": 0.44,
        "lower": 0.42,
        "upper": 0.46,
        "kind": "table",
    }
    assert document["num_params"] == {"value": 12_345, "kind": "modelled"}
    assert document["file_bytes"]["value"] == model.stat().st_size
    assert document["device"]["facts"]["cpu_model"] == "Example | CPU"
    assert document["context"]["fields"]["runtime_version"] == host_context().runtime_version
    provenance = document["provenance"]
    assert provenance["device_digest"] == DEVICE.digest
    assert provenance["context_digest"] == host_context().digest
    assert provenance["file_sha256"] == card.network.file_sha256
    assert provenance["dataset_digest"] == "ab" * 32
    assert provenance["supernet"]["key"] == "ef" * 32


def test_a_context_read_from_json_is_the_same_context(model: Path) -> None:
    card = example_card(model)
    stored = json.loads(json.dumps(card.target.context))
    assert replace(card, target=card.target.model_copy(update={"context": stored})).context == host_context()


def int8_card(model: Path) -> Card:
    """The card of a network in int8."""
    card = example_card(model)
    before = Accuracy(value=0.96, lower=0.94, upper=0.98, num_images=200, part="confirm")
    shift = AccuracyShift(value=-0.011, lower=-0.02, upper=-0.002, num_networks=30, num_images=200)
    return replace(
        card,
        network=card.network.model_copy(update={"fp32_accuracy": before}),
        target=card.target.model_copy(update={"shift": shift}),
    )


def test_an_int8_card_says_what_was_quantised_on_what_and_what_it_costs(model: Path) -> None:
    metadata = replace(read_metadata(model), precision="int8", ranges_from="256 training images, seed 0")
    text = readme(int8_card(model), metadata, 3)
    rows = dict(
        [cell.strip() for cell in line.split("|")[1:3]] for line in text.splitlines() if line.startswith("| ")
    )
    assert rows["precision"] == "int8, quantised after training"
    assert rows["ranges of activations"] == "over 256 training images, seed 0"
    assert rows["accuracy, int8 against fp32"].startswith("-1.1 points (90 % of networks: -2.0 to -0.2;")
    assert rows["accuracy before quantisation"] == "96.0 %"
    assert rows["checked against torch"].endswith("2.5e-06, before quantisation")
    document = json.loads(json.dumps(measurements_document(int8_card(model), metadata)))
    assert document["quantisation"]["precision"] == "int8"
    assert document["quantisation"]["ranges_from"] == "256 training images, seed 0"
    assert document["quantisation"]["accuracy_shift"]["num_networks"] == 30
    assert document["fp32_accuracy"]["value"] == 0.96


def test_an_fp32_card_speaks_of_no_quantisation(model: Path) -> None:
    _, text = head_and_text(example_card(model), model)
    assert "quantis" not in text
    document = measurements_document(example_card(model), read_metadata(model))
    assert document["quantisation"] == {"precision": "fp32", "ranges_from": None, "accuracy_shift": None}


def test_energy_agreement_and_arena_are_in_the_measurements_where_they_are_known(model: Path) -> None:
    card = example_card(model)
    bare = measurements_document(card, read_metadata(model))
    assert (bare["energy"], bare["agreement"], "arena_bytes" in bare) == (None, None, False)
    agreed = Agreement(scored_with="onnxruntime 1", runtime="openvino 2", num_images=500, num_same=499)
    found = {"energy": energy(2.0), "predicted_energy": figure(2.1, 0.2, "fitted"), "agreement": agreed}
    arena = {"arena_bytes": 98_304, "arena_read_bytes": 99_328}
    card = replace(card, network=card.network.model_copy(update={**found, **arena}))
    document = measurements_document(card, read_metadata(model))
    assert (document["energy"]["gross_mj"], document["energy"]["scope"]) == (2.0, "board")
    assert document["predicted"]["energy_mj"]["kind"] == "fitted"
    assert document["agreement"]["num_same"] == 499
    assert document["arena_bytes"] == {"value": 98_304, "kind": "modelled"}
    assert document["arena_read_bytes"] == {"value": 99_328, "kind": "measured"}
