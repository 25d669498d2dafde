"""A plan is read at a glance: times, what is missing, what is wrong."""

import io

import pytest
from rich.console import Console

from latency_predictors.correction import ErrorReport, FormErrors
from nas.pipeline.plan import Plan, PlannedPhase
from nas.pipeline.plan_text import plan_text
from nas.pipeline.planned_data import PlannedData

FORM = FormErrors(mape=0.02, median_error=0.018, within_5=0.9, spearman=0.99)
REPORT = ErrorReport(
    num_networks=20,
    bare_sum=FORM,
    affine=FORM,
    corrected=FORM,
    macs=FORM,
    level=0.9,
    coverage=0.95,
    median_half_width=0.05,
    repeat_rel_sd=0.01,
    num_verified=34,
    verified_coverage=0.5,
)


def drawn(shares: tuple[float | None, ...], names: tuple[str, ...] = ("bird", "cat")) -> str:
    """What people see of a plan of ten minutes."""
    plan = Plan(
        phases=(
            PlannedPhase(name="profile", seconds=95.0, note="139 layers to measure"),
            PlannedPhase(name="train", seconds=505.0, note="30 epochs"),
        ),
        data=PlannedData(class_names=names, num_train=8_168, num_validation=36, num_test=35),
        total_seconds=600.0,
        disk_bytes=3 * 2**20,
        num_layers=139,
        num_layers_missing=12,
        num_architectures="10^7.2",
        epochs=30,
        share_within_limits=shares,
        reports=(REPORT, None),
        notes=("202 images confirm each accuracy",),
    )
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(plan_text(plan))
    return console.export_text()


def test_a_plan_names_every_phase_with_its_time() -> None:
    text = drawn((None,))
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "1 min 35 s" in lines["profile"]
    assert "139 layers to measure" in lines["profile"]
    assert "8 min 25 s" in lines["train"]
    assert "10 min" in lines["in"]
    assert "12 still to be measured" in lines["space"]
    assert "3.00 MiB" in lines["disk"]
    assert "202 images confirm each accuracy" in lines["note:"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("bird", "cat"), "2 classes (bird, cat)"),
        (tuple("abcdef"), "6 classes (a, b, c, d, e, f)"),
        (tuple("abcdefgh"), "8 classes (a, b, c, d, e, f, and 2 more)"),
    ],
)
def test_a_plan_names_the_classes_that_it_has_found(names: tuple[str, ...], said: str) -> None:
    assert f"data      {said}: 8,168 train, 36 validation, 35 test" in drawn((None,), names)


def test_a_plan_says_how_good_predictions_are() -> None:
    text = " ".join(drawn((None,)).split())
    assert "latency of target 1: networks left out one by one: median error 1.80 %" in text
    assert "50.0 % of 34 that searches verified" in text


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((None,), "limits    known once the device is profiled"),
        ((None,), "energy: in the search"),
        ((0.125,), "limits    12.5 % of random networks keep them"),
        ((None, 0.5), "limits of target 2: 50.0 % of random networks keep them"),
    ],
)
def test_a_plan_says_how_hard_the_limits_are(shares: tuple[float | None, ...], said: str) -> None:
    assert said in drawn(shares)
