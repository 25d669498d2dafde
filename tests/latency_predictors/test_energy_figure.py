"""What a meter saw travels with the summary of a measurement."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from latency_predictors.energy_figure import EnergyFigure, MeasuredEnergy
from latency_predictors.protocol import SubjectResult
from tests.latency_predictors.sessions import summary


def seen_by(meter: str) -> SubjectResult:
    """What a meter saw of a subject."""
    gross = EnergyFigure(3.0, 2.9, 3.2, "measured", "board")
    seen = MeasuredEnergy(gross, replace(gross, value_mj=1.0), 3.0, (2.0, 2.1), 1.0, meter, 60)
    told = replace(summary(1.0), energy=seen)
    return SubjectResult(digest="a", summary=told, scale=1.0, suspect=False, num_repeats=0)


def test_a_meter_has_a_short_name_that_moves_no_cursor() -> None:
    read = SubjectResult.model_validate_json(seen_by("plug\x1b[2J").model_dump_json())
    assert read.summary.energy is not None
    assert read.summary.energy.meter == "plug [2J"
    with pytest.raises(ValidationError, match="meter"):
        SubjectResult.model_validate_json(seen_by("x" * 201).model_dump_json())


def test_energies_are_kept_with_what_was_measured() -> None:
    result = seen_by("plug")
    read = SubjectResult.model_validate_json(result.model_dump_json())
    assert read == result
    assert read.summary.energy == result.summary.energy


def test_what_was_measured_before_has_none() -> None:
    result = SubjectResult(digest="a", summary=summary(1.0), scale=1.0, suspect=False, num_repeats=0)
    document = result.model_dump(mode="json")
    del document["summary"]["energy"]
    assert SubjectResult.model_validate(document) == result
