"""What the parts of the page say."""

import json

from nas.report import words
from nas.report.sections import (
    class_rows,
    data_facts,
    facts_of,
    make_section,
    predictor_facts,
    search_facts,
    shift_facts,
    supernet_facts,
)
from nas.results import AccuracyShift, SearchResult
from nas.specs import ContextSpec, TargetSpec
from tests.nas.report.documents import PREDICTOR_REPORT, figure, make_result, network, references, target

FAST = network("fast", 0.1, 0.95)
BEST = network("best", 0.5, 0.98, tied_with=("fast",))
SLOW = network("slow", 0.3, 0.94, status="dominated")
OVER = network("over", 0.6, 0.99, status="over_limit")


def test_networks_are_in_the_table_they_belong_to() -> None:
    section = make_section(make_result((target((FAST, BEST, OVER, SLOW), 0.55),), references()), 0, None)
    assert [row.name for row in section.front] == ["fast", "best"]
    assert [row.name for row in section.others] == ["slow", "over"]
    assert [row.name for row in section.stock] == [
        "shufflenet_v2",
        "mobilenet_v3_small",
        "resnet",
        "mobilenet_v2",
    ]
    assert section.front[1].tied == "1"


def test_deliveries_stand_with_their_target() -> None:
    result = make_result((target((FAST,)), target((BEST,))))
    assert [one.name for one, _ in make_section(result, 0, None).deliveries] == ["fast"]
    assert [row.name for _, row in make_section(result, 1, None).deliveries] == ["best"]


def test_predictions_carry_the_weakest_of_their_labels() -> None:
    unchecked = network("x", 0.2, 0.9, predicted_latency=figure(0.2, 0.1, "modelled"))
    section = make_section(make_result((target((FAST, unchecked)),)), 0, None)
    assert (section.latency_kind, section.accuracy_kind) == ("modelled", "fitted")
    empty = make_section(make_result((target(()),)), 0, None)
    assert (empty.latency_kind, empty.accuracy_kind) == ("", "")


def test_the_predictor_is_told_on_held_out_subnets() -> None:
    facts = dict(predictor_facts(PREDICTOR_REPORT))
    assert facts["rank correlation, Spearman"] == "0.913"
    assert facts["mean error, held out"] == "0.42 points"
    assert facts["inside the 90 % interval"] == "91.0 %"
    assert facts["models compared, mean error left out"] == "logit_boosted 0.42 points, linear 0.61 points"


def test_of_many_compared_models_the_best_are_named() -> None:
    many = {f"m{number}": 0.01 * number for number in range(1, 6)}
    facts = dict(predictor_facts({**PREDICTOR_REPORT, "candidates": many}))
    assert (
        facts["models compared, mean error left out"] == "m1 1.0 points, m2 2.0 points, m3 3.0 points, 2 more"
    )


def test_an_undefined_correlation_is_a_dash() -> None:
    assert dict(predictor_facts({**PREDICTOR_REPORT, "spearman": None}))["rank correlation, Spearman"] == "–"


def test_a_report_of_another_form_is_shown_as_it_is() -> None:
    assert predictor_facts({"num_cores": 2, "mean": 0.12345}) == [("cores", "2"), ("mean", "0.1235")]


def test_the_data_set_is_counted() -> None:
    facts = dict(data_facts(make_result()))
    assert facts["train images"] == "1,085"
    assert facts["largest class over smallest"] == "1.09 ×"
    assert facts["near-duplicates across splits"] == "2 images in 1 pair"
    assert facts["files that are no images"] == ".txt 3"


def test_classes_have_a_count_for_each_split() -> None:
    splits, rows = class_rows(make_result())
    assert splits == ["train", "select", "confirm", "test"]
    assert rows[1] == ("one", [105, 34, 33, 37])


def test_the_order_of_stored_documents_does_not_matter() -> None:
    result = make_result()
    stored = SearchResult.model_validate_json(json.dumps(result.model_dump(mode="json"), sort_keys=True))
    assert class_rows(stored) == class_rows(result)
    assert data_facts(stored) == data_facts(result)
    assert facts_of(stored.targets[0].device) == facts_of(result.targets[0].device)
    assert [name for name, _ in facts_of(stored.targets[0].context)] == [
        "runtime",
        "version",
        "precision",
        "threads",
    ]


def test_a_data_set_without_a_report_has_no_counts() -> None:
    bare = make_result().model_copy(update={"dataset": {}})
    assert class_rows(bare) == ([], [])
    assert dict(data_facts(bare))["classes"] == "10"


def test_duplicates_that_nobody_looked_for_are_not_none() -> None:
    result = make_result()
    changed = result.model_copy(update={"dataset": {**result.dataset, "near_duplicates": None}})
    assert dict(data_facts(changed))["near-duplicates across splits"] == "not looked for"


def test_a_reused_supernet_took_no_time() -> None:
    result = make_result()
    reused = result.model_copy(update={"supernet": result.supernet.model_copy(update={"reused": True})})
    assert dict(supernet_facts(result))["training took"] == "2 min 31 s"
    assert dict(supernet_facts(reused))["training took"].startswith("no time")


def test_a_search_is_identified() -> None:
    facts = dict(search_facts(make_result()))
    assert facts["seed"] == "0"
    assert facts["started"] == "2026-11-20 10:00:00 UTC"
    assert facts["objectives"] == "accuracy, latency_ms"


def test_values_of_documents_are_text() -> None:
    document = {"a_list": [1, 2], "none": None, "yes": True, "nested": {"x": 0.5}, "empty": []}
    assert facts_of(document) == [
        ("a list", "1, 2"),
        ("none", "–"),
        ("yes", "yes"),
        ("nested", "x 0.5"),
        ("empty", "–"),
    ]


def test_the_context_of_an_int8_target_says_what_that_costs() -> None:
    shift = AccuracyShift(value=-0.01, lower=-0.02, upper=0.0, num_networks=24, num_images=360)
    spec = TargetSpec(context=ContextSpec(precision="int8"))
    assert shift_facts(target((), shift=shift, target=spec)) == [
        ("accuracy, int8 against fp32", words.shift_text(shift))
    ]
    assert shift_facts(target(())) == []
