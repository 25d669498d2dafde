"""What a meter saw travels with the summary of a measurement."""

from dataclasses import replace

from latency_predictors.energy_figure import EnergyFigure, MeasuredEnergy
from latency_predictors.protocol import SubjectResult
from tests.latency_predictors.sessions import summary


def test_energies_are_kept_with_what_was_measured() -> None:
    gross = EnergyFigure(3.0, 2.9, 3.2, "measured", "board")
    seen = MeasuredEnergy(gross, replace(gross, value_mj=1.0), 3.0, (2.0, 2.1), 1.0, "plug", 60)
    result = SubjectResult(
        digest="a", summary=replace(summary(1.0), energy=seen), scale=1.0, suspect=False, num_repeats=0
    )
    read = SubjectResult.model_validate_json(result.model_dump_json())
    assert read == result
    assert read.summary.energy == seen


def test_what_was_measured_before_has_none() -> None:
    result = SubjectResult(digest="a", summary=summary(1.0), scale=1.0, suspect=False, num_repeats=0)
    document = result.model_dump(mode="json")
    del document["summary"]["energy"]
    assert SubjectResult.model_validate(document) == result
