"""Figures of a network, line by line."""

import pytest

from nas.export.figure_rows import FigureRow, figure_rows
from nas.results import Agreement, VerifiedNetwork
from tests.nas.report.documents import energy, figure, network

PLAIN = network("net-1", 0.431, 0.97)


def rows(found: VerifiedNetwork) -> dict[str, FigureRow]:
    return {row.name: row for row in figure_rows(found)}


def test_every_figure_says_how_it_was_obtained() -> None:
    told = rows(PLAIN)
    assert told["latency, median"].how == told["file"].how == "measured"
    assert next(iter(told)) == "accuracy, 349 of 360 confirm images"
    assert told["peak memory of activations"].how == "modelled"
    assert not [name for name in told if "energy" in name or "ONNX" in name or "classes as" in name]


def test_what_another_file_got_right_says_so() -> None:
    told = rows(
        PLAIN.model_copy(update={"fp32_accuracy": PLAIN.accuracy, "inherited_accuracy": PLAIN.accuracy})
    )
    assert {name: row.other_file for name, row in told.items() if row.other_file} == {
        "accuracy before quantisation": "another file, not yet quantised",
        "accuracy with the supernet's weights": "another file, not yet trained on",
    }


def test_energy_is_told_gross_and_above_idle_with_what_the_meter_sees() -> None:
    told = rows(
        PLAIN.model_copy(update={"energy": energy(2.0), "predicted_energy": figure(2.1, 0.2, "fitted")})
    )
    assert told["energy of an inference"] == FigureRow(
        "energy of an inference", "2.00 mJ (board)", "1.90–2.10 mJ", "measured"
    )
    assert told["of it above idle"].value == "1 mJ"
    assert told["energy, as predicted"].how == "fitted"
    assert told["energy, as predicted"].interval == "1.9–2.3 mJ"


@pytest.mark.parametrize(
    ("runtime", "num_images", "value", "how"),
    [
        ("openvino 2026.4.1", 1_500, "1,498 of 1,500 as onnxruntime 1.31.1 does", "measured"),
        ("openvino", 0, "not compared: it is not installed where networks are scored", ""),
    ],
)
def test_another_runtime_is_told_to_agree_or_not_to_have_been_asked(
    runtime: str, num_images: int, value: str, how: str
) -> None:
    agreed = Agreement(
        scored_with="onnxruntime 1.31.1",
        runtime=runtime,
        num_images=num_images,
        num_same=max(num_images - 2, 0),
    )
    row = rows(PLAIN.model_copy(update={"agreement": agreed}))[f"classes as {runtime} names them"]
    assert (row.value, row.how) == (value, how)


def test_the_arena_is_told_where_it_is_known() -> None:
    told = rows(PLAIN.model_copy(update={"arena_bytes": 98_304, "arena_read_bytes": 99_328}))
    assert told["activations that ONNX Runtime holds"].value == "96.0 KiB"
    assert told["activations that ONNX Runtime held"].value == "97.0 KiB"
    assert [told[f"activations that ONNX Runtime {verb}"].how for verb in ("holds", "held")] == [
        "modelled",
        "measured",
    ]


def test_memory_says_how_many_images_it_is_for_where_there_are_several() -> None:
    told = [row.name for row in figure_rows(PLAIN.model_copy(update={"peak_memory_batch": 8}))]
    assert "peak memory of activations, 8 images at once" in told
