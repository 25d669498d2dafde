"""The page says how the table of a target was made, and how far it can be trusted."""

from nas.report.table_facts import table_facts
from nas.results import EnergySummary
from tests.nas.report.documents import TABLE_REPORT, network, target

FAST = network("fast", 0.1, 0.95)


def test_the_table_says_how_it_was_made_and_how_good_it_is() -> None:
    facts = dict(table_facts(target((FAST,))))
    assert facts["distinct layers of the space"] == "143"
    assert facts["measured for this search"] == "131"
    assert facts["measured before"] == "12"
    assert facts["of these within 5 %, each left out once"] == "93.8 %"
    assert facts["inside the 90 % interval"] == "87.5 %"


def test_a_table_of_quantised_layers_says_what_their_ranges_are_from() -> None:
    fp32 = target((FAST,))
    name = "each layer quantised alone, its ranges from"
    assert name not in dict(table_facts(fp32))
    int8 = fp32.model_copy(update={"context": {**fp32.context, "precision": "int8"}})
    assert dict(table_facts(int8))[name] == "random inputs of a fixed seed"


def test_an_unchecked_table_claims_nothing() -> None:
    unchecked = target((FAST,))
    unchecked = unchecked.model_copy(update={"table": unchecked.table.model_copy(update={"report": {}})})
    assert "rank correlation with the measurement" not in dict(table_facts(unchecked))


def test_what_searches_verified_is_told_apart_from_what_was_drawn() -> None:
    earlier = "of 34 networks that earlier searches verified, inside the interval"
    now = "of the networks this search verified, inside the interval predicted before"
    facts = dict(table_facts(target((FAST,))))
    assert not {earlier, now} & facts.keys()
    found = target((FAST,), verified_coverage=0.875)
    report = {**TABLE_REPORT, "num_verified": 34, "verified_coverage": 0.82}
    found = found.model_copy(update={"table": found.table.model_copy(update={"report": report})})
    facts = dict(table_facts(found))
    assert (facts[earlier], facts[now]) == ("82.0 %", "87.5 %")
    assert facts["inside the 90 % interval"] == "87.5 %"


def test_energies_are_told_with_their_errors_and_what_they_add_to_latency() -> None:
    assert not [name for name, _ in table_facts(target((FAST,))) if "energy" in name]
    summary = EnergySummary(
        meter="plug.csv",
        scope="wall",
        num_networks=26,
        report=TABLE_REPORT,
        correlation=0.987,
        verified_coverage=0.5,
    )
    facts = dict(table_facts(target((FAST,), energy=summary)))
    assert facts["energy measured with"] == "plug.csv (wall)"
    assert facts["of these energies inside the interval"] == "87.5 %"
    assert facts["of the energies this search verified, inside the interval predicted before"] == "50.0 %"
    assert facts["rank correlation of energy with latency (near 1, energy tells nothing more)"] == "0.987"


def test_layers_and_networks_in_doubt_are_told() -> None:
    calm = target((FAST,))
    assert not [name for name, _ in table_facts(calm) if "doubt" in name or "suspect" in name]
    report = {**TABLE_REPORT, "num_suspect": 12, "num_left_out": 8}
    doubted = {"states": {"suspect": 41, "provisional": 101}, "report": report}
    facts = dict(table_facts(calm.model_copy(update={"table": calm.table.model_copy(update=doubted)})))
    assert facts["in doubt when the search began"].startswith("41 of 142 layers are suspect")
    assert facts["whole networks that are suspect: the device was disturbed or changed its speed"] == "12"
    assert facts["whole networks that are left out because they are suspect"] == "8"
