"""Cells of the tables: figures of the documents, digits by interval, one unit a column."""

import pytest

from nas.report.numbers import FIGURE_SPACE
from nas.report.rows import NOTHING, relative_address, rows_of, units_for
from nas.results import Delivery, StockTraining
from search_spaces.base import option_values
from search_spaces.sampling import as_architecture, smallest
from tests.nas.report.documents import accuracy, latency, network, space

SMALL = network(
    "small",
    0.1893,
    0.95,
    latency=latency(0.1893, 0.003),
    file_bytes=20_480,
    num_macs=183_000,
    num_params=5_120,
    peak_memory_bytes=16_384,
)
LARGE = network(
    "large",
    0.52,
    0.98,
    file_bytes=2_097_152,
    num_macs=8_868_000,
    num_params=434_200,
    peak_memory_bytes=147_456,
    tied_with=("small", "elsewhere"),
    test_accuracy=accuracy(0.97, 400, "test"),
)
BOTH = (SMALL, LARGE)


def test_figures_are_those_of_the_documents() -> None:
    small, large = rows_of(BOTH, units_for(BOTH), None)
    assert (small.accuracy.text, large.accuracy.text) == ("95.0", "98.0")
    assert large.accuracy.interval == f"{100 * LARGE.accuracy.lower:.1f}–{100 * LARGE.accuracy.upper:.1f}"
    assert small.latency.text == "0.1893"
    assert small.latency.interval == "0.1887–0.1899"
    assert large.latency.text == f"0.520{FIGURE_SPACE}"
    assert small.predicted_latency.text.startswith("0.192")
    assert small.predicted_accuracy.text == "94.8"


def test_a_column_has_one_unit_that_suits_its_middle() -> None:
    units = units_for((SMALL, LARGE, LARGE))
    assert (units.file.unit, units.macs.unit, units.params.unit, units.memory.unit) == (
        "MiB",
        "million",
        "thousand",
        "KiB",
    )
    small, large = rows_of((SMALL, LARGE), units_for((SMALL, SMALL, LARGE)), None)
    assert (small.file_size, large.file_size) == ("20", "2,048")
    assert (small.macs, large.macs) == ("183", "8,868")
    assert (small.params, large.params) == ("5.1", "434.2")
    assert (small.memory, large.memory) == ("16", "144")


def test_what_is_not_known_is_a_dash() -> None:
    bare = network("bare", 0.2, 0.9, predicted_accuracy=None, predicted_latency=None)
    (row,) = rows_of((bare,), units_for((bare,)), None)
    assert (row.predicted_accuracy.text, row.predicted_latency.text, row.test.text, row.tied) == (
        NOTHING,
    ) * 4
    assert row.predicted_latency.interval == ""


def test_ties_are_numbers_of_rows_where_the_point_is_in_the_table() -> None:
    small, large = rows_of(BOTH, units_for(BOTH), None)
    assert small.tied == NOTHING
    assert large.tied == "1, elsewhere"


def test_ties_are_listed_in_the_order_of_the_table() -> None:
    points = tuple(network(f"n{number}", 0.1 * number, 0.9) for number in range(1, 12))
    last = network("last", 2.0, 0.95, tied_with=("n10", "n2", "n9"))
    assert rows_of((*points, last), units_for(points), None)[-1].tied == "2, 9, 10"


def test_test_accuracy_is_there_where_it_was_scored() -> None:
    small, large = rows_of(BOTH, units_for(BOTH), None)
    assert small.test.text == NOTHING
    assert large.test.text == "97.0"
    assert ("images of the test accuracy", "400 test") in large.facts


def test_a_delivered_network_links_to_its_folder_and_all_to_their_files() -> None:
    delivery = Delivery(name="large", target=0, folder="exports/large one", why="best", test_uses=1)
    small, large = rows_of(BOTH, units_for(BOTH), None, (delivery,))
    assert small.folder == ""
    assert large.folder == "./exports/large%20one/"
    assert small.file == f"./networks/{'f' * 64}.onnx"


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "//evil.example/x", "https://evil.example", 'a" onclick="x']
)
def test_an_address_never_leaves_the_folder_of_the_page(path: str) -> None:
    address = relative_address(path)
    assert address.startswith("./")
    assert ":" not in address
    assert '"' not in address


def test_the_summary_lists_what_is_active() -> None:
    options = option_values(space(), as_architecture(smallest(space())[0]))
    one = network("one", 0.1, 0.9, architecture=options)
    (row,) = rows_of((one,), units_for((one,)), space())
    assert row.summary.startswith("resolution 12, depth 1·1·1")
    assert [part for part, _ in row.grid.rows][:3] == ["", "stage1", "stage1.block1"]


def test_a_stock_network_says_its_image_size() -> None:
    stock = network("resnet", 0.5, 0.97, origin="reference", status="dominated", resolution=32)
    (row,) = rows_of((stock,), units_for((stock,)), space())
    assert (row.status, row.summary) == ("stock", "image size 32 × 32")


@pytest.mark.parametrize(("reused", "end"), [(False, "took is 14.2"), (True, "taken from an earlier search")])
def test_a_stock_network_says_how_long_it_was_trained(reused: bool, end: str) -> None:
    training = StockTraining(epochs=5, cpu_seconds=12.34, given_cpu_seconds=14.2, reused=reused)
    stock = network("resnet", 0.5, 0.97, origin="reference", status="dominated", training=training)
    (row,) = rows_of((stock,), units_for((stock,)), space())
    said = dict(row.facts)["trained"]
    assert said.startswith("5 epochs in 12.3 CPU-seconds; its share")
    assert said.endswith(end)


def test_no_networks_no_rows() -> None:
    assert rows_of((), units_for(()), None) == ()


def test_an_int8_network_says_what_it_was_before() -> None:
    fp32 = network("fp32", 0.1, 0.9)
    int8 = fp32.model_copy(update={"fp32_accuracy": accuracy(0.92)})
    first, second = rows_of((fp32, int8), units_for((fp32, int8)), None)
    assert ("largest difference of a logit between torch and the file", "3.1e-06") in first.facts
    facts = dict(second.facts)
    assert facts["accuracy before quantisation"] == "92.0 %"
    assert facts["largest difference of a logit between torch and the file before quantisation"] == "3.1e-06"
