"""What is told of a target's table: new facts are missing in what earlier versions wrote."""

from typing import Any

from nas.table_results import TableSummary

EARLIER: dict[str, Any] = {
    "num_layers": 142,
    "num_measured_now": 0,
    "median_spread": 0.01,
    "sessions": ["s1"],
    "report": {},
}


def test_a_summary_of_an_earlier_version_is_read_without_states() -> None:
    assert TableSummary.model_validate(EARLIER).states == {}


def test_states_are_written_and_read() -> None:
    summary = TableSummary.model_validate({**EARLIER, "states": {"suspect": 41, "provisional": 101}})
    again = TableSummary.model_validate_json(summary.model_dump_json())
    assert again.states == {"suspect": 41, "provisional": 101}
