"""How far measured figures can be trusted is said with what to do."""

from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import LookupTable, layer_key
from nas.report.rows import rows_of, units_for
from nas.report.trust import (
    doubt_sentences,
    prediction_sentences,
    suspect_sentences,
    table_doubts,
    when_text,
)
from nas.results import EnergySummary
from search_spaces.slot_tables import distinct_layers
from tests.api.handmade import SPACE, lookup_table
from tests.nas.report.documents import TABLE_REPORT, figure, latency, network, target

SUSPECT = latency(0.2).model_copy(update={"suspect": True})


def test_layers_in_doubt_are_counted_with_why_and_what_to_do() -> None:
    suspect, stale, unconfirmed = doubt_sentences(
        {"provisional": 100, "suspect": 41, "settled": 1, "unconfirmed": 1, "stale": 2}
    )
    assert suspect.startswith("41 of 145 layers are suspect: the machine was busy")
    assert suspect.endswith("profile again when it is idle")
    assert stale.startswith("2 of 145 layers are stale: they were measured more than 90 days ago")
    assert unconfirmed.startswith("1 of 145 layers is unconfirmed: one session alone")


def test_where_nothing_is_in_doubt_nothing_is_said() -> None:
    assert doubt_sentences({"provisional": 100, "settled": 2, "unsupported": 3}) == ()
    assert doubt_sentences({}) == ()


def test_doubts_of_several_tables_name_their_contexts() -> None:
    layers, table = distinct_layers(SPACE), lookup_table()
    some = {layer_key(spec): table.entries[layer_key(spec)] for spec in layers[:3]}
    empty = LookupTable(device=host_device(), context=host_context(threads=2))
    (said,) = table_doubts([table.model_copy(update={"entries": some}), empty], layers)
    assert said.startswith(f"{table.context.label}: 3 of 3 layers are suspect")


def test_a_row_tells_when_its_latency_was_measured_and_whether_that_is_provisional() -> None:
    """Nothing where nobody has kept it."""
    began = {"measured_at": "2026-01-02T03:04:05+00:00"}
    settled, provisional = (
        latency(0.1).model_copy(update={**began, "provisional": one}) for one in (False, True)
    )
    networks = [network(str(n), 0.1, 0.9, latency=one) for n, one in enumerate((latency(0.1), settled))]
    earlier, new = (dict(row.facts) for row in rows_of(networks, units_for(networks), None))
    assert "measured" not in earlier
    assert new["measured"] == "2026-01-02 03:04 UTC"
    assert when_text(provisional).startswith("2026-01-02 03:04 UTC; provisional: fewer than 3 undisturbed")


def test_networks_with_a_suspect_latency_are_counted() -> None:
    calm = network("calm", 0.1, 0.9)
    assert suspect_sentences((calm,)) == ()
    (said,) = suspect_sentences((calm, network("restless", 0.2, 0.95, latency=SUSPECT)))
    assert said.startswith("The latency of 1 of 2 networks is suspect: sessions contradict each other")
    assert said.endswith("the same search again, when the device is idle, measures it once more")


def test_how_good_predictions_are_is_told_of_what_was_predicted() -> None:
    calm = network("calm", 0.1, 0.9)
    found = target((calm,))
    (said,) = prediction_sentences(found, [calm])
    assert said == (
        "Predicted latencies, networks left out one by one: median error 1.80 %, 87.5 % of 16 inside the "
        "90.0 % intervals (±5.20 %); networks repeat within 1.10 %"
    )
    stock = network("resnet", 0.2, 0.9, predicted_latency=None)
    assert prediction_sentences(found, [stock]) == prediction_sentences(found, []) == ()
    assert prediction_sentences(found, [stock, calm]) == (said,)


def test_energies_have_a_report_of_their_own() -> None:
    hungry = network("hungry", 0.1, 0.9, predicted_energy=figure(2.1, 0.2, "fitted"))
    report = {**TABLE_REPORT, "num_networks": 26}
    summary = EnergySummary(
        meter="plug.csv",
        scope="wall",
        num_networks=26,
        report=report,
        correlation=None,
        verified_coverage=None,
    )
    assert len(prediction_sentences(target((hungry,)), [hungry])) == 1
    _, said = prediction_sentences(target((hungry,), energy=summary), [hungry])
    assert said.startswith("Predicted energies, networks left out")
    assert "of 26 inside" in said


def test_without_a_report_nothing_is_claimed_of_predictions() -> None:
    calm = network("calm", 0.1, 0.9)
    found = target((calm,))
    earlier = found.model_copy(update={"table": found.table.model_copy(update={"report": {}})})
    assert prediction_sentences(earlier, [calm]) == ()
