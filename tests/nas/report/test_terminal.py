"""What a terminal says of a finished search."""

from rich.console import Console, RenderableType

from nas.report.terminal import delivery_lines, front_table, network_line, show_search, target_lines
from nas.results import SearchResult
from tests.nas.report.documents import HOSTILE, deliveries, make_result, network, target

FAST = network("fast", 0.1, 0.95)
BEST = network("best", 0.5, 0.98, tied_with=("fast",))
ONE = target((FAST, BEST), 1.0)


def printed(content: RenderableType, width: int = 80) -> str:
    """What a terminal without colour shows."""
    console = Console(width=width, no_color=True, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(content)
    return captured.get()


def test_the_table_has_a_row_a_point_with_its_figures() -> None:
    lines = printed(front_table(ONE, deliveries((ONE,)))).splitlines()
    assert " ".join(lines[0].split()) == "# network accuracy, % latency, ms predicted file, KiB tied"
    assert lines[2].split()[:3] == ["1", "fast", "*"]
    assert "0.1000 ±0.0012" in lines[2]
    assert "0.500 ±0.006" in lines[3]
    assert lines[3].split()[-1] == "1"


def test_the_table_of_a_real_front_fits_eighty_columns_uncut() -> None:
    result = make_result()
    text = printed(front_table(result.targets[0], result.deliveries))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    for one in result.targets[0].front:
        assert one.name in text


def test_a_target_is_told_in_lines() -> None:
    assert target_lines(ONE)[0] == (
        "2 verified networks, from 0.1000 ms at 95.0 % to 0.500 ms at 98.0 % of 360 confirm images."
    )
    assert target_lines(ONE)[1].startswith("Limit kept: latency of at most 1 ms;")
    assert target_lines(ONE)[-1] == (
        "Predicted latencies of 2 networks: median error 1.5 %; 2 of 2 measured values lie inside the "
        "predicted interval."
    )


def test_how_good_the_predicted_column_is_is_told_below_the_front() -> None:
    said = "Predicted latencies, networks left out one by one: median error 1.80 %"
    assert target_lines(ONE)[-2].startswith(said)
    untold = target((FAST.model_copy(update={"predicted_latency": None}),), 1.0)
    assert not [line for line in target_lines(untold) if line.startswith(said)]


def test_a_suspect_network_says_so_in_the_table_and_below() -> None:
    restless = BEST.model_copy(update={"latency": BEST.latency.model_copy(update={"suspect": True})})
    found = target((FAST, restless), 1.0)
    lines = printed(front_table(found)).splitlines()
    assert " ! " not in lines[2]
    assert "! 0.500 ±0.006" in lines[3]
    (said,) = [line for line in target_lines(found) if line.startswith("!")]
    assert said.startswith("! The latency of 1 of 2 networks is suspect")
    assert not [line for line in target_lines(ONE) if line.startswith("!")]
    assert network_line(restless) == "best, 0.500 ms (suspect), 98.0 %"


def test_layers_in_doubt_are_told_below_the_front() -> None:
    table = ONE.table.model_copy(update={"states": {"suspect": 41, "provisional": 101}})
    lines = target_lines(ONE.model_copy(update={"table": table}))
    assert [line for line in lines if line.startswith("In the lookup table, 41 of 142 layers are suspect")]
    assert not [line for line in target_lines(ONE) if "lookup table" in line]


def test_a_stock_network_that_beats_what_was_delivered_is_told_below_the_front() -> None:
    stock = network("resnet", 0.4, 0.99, origin="reference", status="dominated")
    better = "resnet, a stock network, is faster and more accurate than best: hwnas export"
    text = " ".join(whole(make_result((ONE,), (stock,))).split())
    assert text.index("2 verified networks") < text.index(better) < text.index("Limit kept")
    slower = stock.model_copy(update={"latency": BEST.latency})
    assert "a stock network" not in whole(make_result((ONE,), (slower,)))


def test_deliveries_say_what_and_where() -> None:
    assert delivery_lines(ONE, deliveries((ONE,))) == (
        "* best, 0.500 ms, 98.0 %: the best accuracy of the front; in exports/best",
        "* fast, 0.1000 ms, 95.0 %: the fastest of the front; in exports/fast",
    )


def test_a_delivery_says_what_it_does_on_the_test_images() -> None:
    tested = BEST.accuracy.model_copy(update={"value": 0.971, "num_images": 359, "part": "test"})
    found = target((FAST, BEST.model_copy(update={"test_accuracy": tested})), 1.0)
    (best, fast) = delivery_lines(found, deliveries((found,)))
    assert best.startswith("* best, 0.500 ms, 98.0 %, 97.1 % of 359 test images: the best accuracy")
    assert "test images" not in fast


def test_a_network_in_a_few_words() -> None:
    assert network_line(BEST) == "best, 0.500 ms, 98.0 %"


def whole(result: SearchResult, *, ascii_only: bool = False) -> str:
    """The whole search as a terminal shows it."""
    return printed(show_search(result, ascii_only=ascii_only))


def test_the_whole_search_fits_eighty_columns() -> None:
    text = whole(make_result())
    assert max(map(len, text.splitlines())) <= 80
    assert "●" in text
    assert "11 verified networks" in text


def test_several_targets_are_shown_one_after_the_other() -> None:
    text = whole(make_result((ONE, target((), 0.05))))
    assert text.index("Target 1:") < text.index("2 verified networks") < text.index("Target 2:")
    assert "No network was published." in text


def test_ascii_terminals_get_ascii() -> None:
    assert whole(make_result(), ascii_only=True).isascii()


def test_square_brackets_in_names_are_no_markup() -> None:
    odd = network("[bold]x[/bold]", 0.2, 0.9)
    assert "[bold]x[/bold]" in whole(make_result((target((odd, network(HOSTILE, 0.3, 0.95))),)))
