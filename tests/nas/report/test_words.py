"""What a search says in sentences."""

import pytest

from latency_predictors.correction import ErrorReport
from nas.report import words
from nas.results import AccuracyShift, UnsupportedLayer, UnsupportedNetwork
from nas.specs import LatencySpec, TargetSpec
from tests.nas.report.documents import TABLE_REPORT, figure, latency, make_result, network, target

FAST = network("fast", 0.1134, 0.9517)
MIDDLE = network("middle", 0.2, 0.97)
BEST = network("best", 0.4312, 0.9889)


def test_the_headline_names_both_ends_of_the_front() -> None:
    assert (
        words.front_sentence((FAST, MIDDLE, BEST))
        == "3 verified networks, from 0.1134 ms at 95.2 % to 0.431 ms at 98.9 %"
    )


def test_the_headline_of_one_point() -> None:
    assert words.front_sentence((FAST,)) == "1 verified network: 0.1134 ms at 95.2 %"


def test_the_headline_of_an_empty_front() -> None:
    assert words.front_sentence(()) == "No network was published"


def test_the_headline_where_the_fastest_is_the_best() -> None:
    slow = network("slow", 0.9, 0.90)
    assert words.front_sentence((BEST, slow)).startswith(
        "2 verified networks, the fastest and most accurate with 0.431 ms"
    )


def test_a_kept_limit_shows_the_upper_end_of_the_slowest() -> None:
    slowest = network("slowest", 0.5, 0.98, latency=latency(0.5, 0.1))
    (sentence,) = words.limit_sentences(target((FAST, slowest), 1.0))
    assert sentence == (
        "Limit kept: latency of at most 1 ms; the highest on the front is 0.550 ms "
        "(upper end of its interval)"
    )


def test_a_front_beyond_its_limit_is_not_called_kept() -> None:
    assert words.limit_sentences(target((BEST,), 0.4312))[0].startswith(
        "Limit broken: latency of at most 0.4312 ms"
    )


def test_what_does_not_run_is_said_to_be_left_out() -> None:
    why = {"code": "file_not_loadable", "message": "no operator"}
    out = UnsupportedNetwork(name="net-1", architecture_digest="a" * 64, file_sha256="b" * 64, **why)
    assert words.left_out_sentences(target((BEST,), unsupported=(out,))) == (
        "Left out: net-1, which onnxruntime cannot run (file_not_loadable: no operator)",
    )
    assert words.left_out_sentences(target((BEST,))) == ()
    one = target((BEST,))
    table = one.table.model_copy(update={"unsupported": (UnsupportedLayer(signature="{}", **why),)})
    assert words.left_out_sentences(one.model_copy(update={"table": table})) == (
        "Left out: networks with layer {}, which onnxruntime cannot run (file_not_loadable: no operator)",
    )


def test_an_empty_front_names_the_nearest_network() -> None:
    over = FAST.model_copy(update={"status": "over_limit", "latency": latency(0.2, 0.1)})
    (sentence,) = words.limit_sentences(target((over,), 0.1))
    assert sentence == (
        "Limit not met: latency of at most 0.1 ms; the nearest verified network has 0.220 ms "
        "(upper end of its interval)"
    )


def test_what_the_board_has_refused_keeps_no_limit() -> None:
    refused = FAST.model_copy(update={"status": "unverified"})
    over = BEST.model_copy(update={"status": "over_limit"})
    assert words.limit_sentences(target((refused, over), 0.2))[0].startswith(
        "Limit not met: latency of at most 0.2 ms; the nearest verified network has 0.43"
    )
    assert words.limit_sentences(target((refused,), 0.2))[0].endswith("no network was verified")


def test_a_limit_on_the_tail_says_so() -> None:
    tail = latency(0.5, 0.1).model_copy(update={"statistic": "p95", "p95_ms": 0.52})
    asked = TargetSpec(
        latency=LatencySpec(statistic="p95", mode="paced", pause_ms=20), limits={"latency_ms": 1.0}
    )
    found = target((network("tail", 0.5, 0.98, latency=tail),), target=asked)
    assert words.limit_sentences(found)[0].startswith(
        "Limit kept: latency (p95 with pauses of 20 ms) of at most 1 ms; the highest on the front is 0.550 ms"
    )
    assert words.latency_text(tail) == "0.52 ms (p95)"


def test_a_suspect_latency_says_so_wherever_it_is_a_text() -> None:
    restless = latency(0.5, 0.1).model_copy(update={"suspect": True})
    assert words.latency_text(restless) == "0.50 ms (suspect)"
    tail = restless.model_copy(update={"statistic": "p95", "p95_ms": 0.52})
    assert words.latency_text(tail) == "0.52 ms (p95, suspect)"


def test_several_targets_of_a_device_are_told_apart_by_their_contexts() -> None:
    tail = TargetSpec(latency=LatencySpec(statistic="p95"))
    result = make_result(targets=(target((FAST,)), target((FAST,), target=tail)))
    first, second = (words.target_name(result, number) for number in (0, 1))
    assert first == (
        "Target 1: Neoverse-N1, 2 cores, 8 GiB, Linux aarch64 · onnxruntime 1.23.0, fp32, 1 thread, batch 1"
    )
    assert second == f"{first.replace('1:', '2:', 1)}, p95"
    assert words.where_sentence(result.targets[1]) == second.removeprefix("Target 2: ")


def test_a_limit_without_any_network_was_not_checked() -> None:
    assert words.limit_sentences(target((), 0.1))[0].startswith("Limit not checked")


def test_other_limits_are_held_against_the_value_itself() -> None:
    one = target((FAST,), None)
    limited = one.model_copy(
        update={"target": one.target.model_copy(update={"limits": {"num_params": 50_000.0}})}
    )
    assert words.limit_sentences(limited) == (
        "Limit kept: parameters of at most 50.0 thousand; the highest on the front is 41.2 thousand",
    )


def test_limits_that_nothing_keeps_together_are_told_apart_from_one_that_nothing_keeps() -> None:
    small = FAST.model_copy(update={"status": "over_limit", "file_bytes": 1_000})
    quick = BEST.model_copy(update={"status": "over_limit", "file_bytes": 9_000_000})
    found = target((small, quick), FAST.latency.upper_ms / 2)
    limits = {"file_bytes": 5_000.0, "num_macs": 1.0}
    found = found.model_copy(update={"target": found.target.model_copy(update={"limits": limits})})
    together, alone = words.limit_sentences(found)
    assert together.startswith("Limit not met together with the others: file size of at most")
    assert together.endswith("which 1 of 2 verified networks keep")
    assert alone.startswith("Limit not met: MACs")


def test_no_limit_no_sentence() -> None:
    assert words.limit_sentences(target((FAST,), None)) == ()


def test_effort_counts_networks_and_rounds() -> None:
    one = target((FAST, BEST), num_evaluated=1234, num_rounds=1, stopped="nothing new")
    assert words.effort_sentence(one) == (
        "1,234 architectures were looked at, 2 exported, scored and measured in 1 round; nothing new"
    )


def test_images_of_several_networks() -> None:
    other = FAST.model_copy(update={"accuracy": FAST.accuracy.model_copy(update={"num_images": 359})})
    assert words.images_of((FAST,)) == "360 confirm images"
    assert words.images_of((FAST, other)) == "359 to 360 confirm images"


def test_predictions_are_formatted_like_measurements() -> None:
    assert words.accuracy_text(figure(0.987, 0.006, "fitted")) == "98.7 %"
    assert words.accuracy_interval(figure(0.987, 0.006, "fitted")) == "98.1–99.3"


def test_numbers_stay_with_their_units() -> None:
    assert words.unbroken("from 0.1 ms at 95 %") == "from 0.1\u00a0ms at 95\u00a0%"


@pytest.mark.parametrize(("number", "text"), [(1, "1 pair"), (0, "0 pairs"), (1200, "1,200 pairs")])
def test_things_are_counted_in_the_right_number(number: int, text: str) -> None:
    assert words.counted(number, "pair") == text


def test_targets_are_numbered_only_where_there_are_several() -> None:
    one = make_result()
    two = make_result((target((FAST,)), target((BEST,))))
    assert words.target_name(one, 0) == "Neoverse-N1, 2 cores, 8 GiB, Linux aarch64"
    assert words.target_name(two, 1).startswith("Target 2: Neoverse-N1, 2 cores, 8 GiB, Linux aarch64 · ")


def test_the_predictors_rank_correlation_is_told() -> None:
    assert "rank correlation of 0.91" in words.predictor_sentence({"spearman": 0.913})


@pytest.mark.parametrize("report", [{}, {"spearman": None}])
def test_an_unknown_rank_correlation_is_said_to_be_unknown(report: dict[str, object]) -> None:
    assert words.predictor_sentence(report).startswith("Nothing is known")


def test_every_label_is_explained() -> None:
    assert list(words.KINDS) == ["measured", "table", "fitted", "modelled", "assumed"]


def test_how_far_predictions_can_be_trusted_is_one_sentence() -> None:
    report = ErrorReport.model_validate(TABLE_REPORT)
    assert words.report_sentence(report) == (
        "networks left out one by one: median error 1.80 %, 87.5 % of 16 inside the 90.0 % intervals "
        "(±5.20 %); networks repeat within 1.10 %"
    )
    searched = report.model_copy(update={"num_verified": 8, "verified_coverage": 0.75})
    assert "(±5.20 %), 75.0 % of 8 that searches verified; networks" in words.report_sentence(searched)


def test_suspect_networks_behind_predictions_are_counted() -> None:
    report = ErrorReport.model_validate({**TABLE_REPORT, "num_suspect": 12})
    assert words.report_sentence(report).endswith(
        "1.10 %; 12 of 16 are suspect: the device was disturbed or changed its speed"
    )
    left_out = ErrorReport.model_validate({**TABLE_REPORT, "num_left_out": 8})
    assert words.report_sentence(left_out).endswith(
        "1.10 %; 8 more are suspect and left out: profile again when the device is idle"
    )


def test_what_a_precision_costs_has_its_sign_and_its_interval() -> None:
    shift = AccuracyShift(value=-0.0042, lower=-0.0108, upper=0.0024, num_networks=24, num_images=360)
    assert words.shift_text(shift) == (
        "-0.4 points (90 % of networks: -1.1 to +0.2; 24 networks, 360 images)"
    )
