"""Models of few networks say what they are made of."""

from nas.report.few_shot_words import few_shot_sentence
from tests.api.few_shot_models import few_shot_model

MADE = few_shot_model().report
REPORT = MADE.model_copy(
    update={
        "fitted": MADE.fitted.model_copy(update={"median_error": 0.023}),
        "coverage": 0.9,
        "median_half_width": 0.052,
        "repeat_rel_sd": 0.011,
    }
)
ERRORS = (
    "of those drawn at random, left out one by one: median error 2.30 %, 90.0 % of 10 inside the 90.0 % "
    "intervals (±5.20 %)"
)


def test_measured_networks_come_with_how_they_repeat() -> None:
    assert few_shot_sentence(REPORT) == (
        f"20 whole networks were measured; {ERRORS}; networks repeat within 1.10 %"
    )
    searched = REPORT.model_copy(
        update={"num_verified": 8, "verified_coverage": 0.75, "num_suspect": 3, "num_networks": 28}
    )
    assert few_shot_sentence(searched) == (
        f"28 whole networks were measured; {ERRORS}, 75.0 % of 8 that searches verified; networks repeat "
        "within 1.10 %; 3 of 28 are suspect: the device was disturbed or changed its speed"
    )


def test_of_published_latencies_nobody_knows_how_they_repeat() -> None:
    assert few_shot_sentence(REPORT.model_copy(update={"num_published": 20})) == (
        f"20 published latencies; {ERRORS}"
    )
    assert few_shot_sentence(REPORT.model_copy(update={"num_published": 18})) == (
        f"18 published latencies, and 2 whole networks were measured; {ERRORS}"
    )
