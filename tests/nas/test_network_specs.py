"""What is asked of one network."""

import pytest
from pydantic import ValidationError

from nas.network_specs import FileJobSpec, TuneJobSpec, TuneSpec


@pytest.mark.parametrize("subnet", ["a", "a.", ".a", "a b.c", "a/b.c", "../x.y", "a.b\n", "x" * 201])
def test_subnets_have_a_job_and_a_name(subnet: str) -> None:
    with pytest.raises(ValidationError):
        FileJobSpec(subnet=subnet)


def test_nothing_but_a_subnet_has_to_be_said() -> None:
    spec = FileJobSpec(subnet="digits-1f.net-3f9a1c")
    assert (spec.format, spec.precision) == ("onnx", None)


def test_jobs_name_a_target_and_those_of_earlier_versions_name_none() -> None:
    earlier = {"format": "onnx", "precision": "int8", "subnet": "digits-1f.net-3f9a1c"}
    assert FileJobSpec.model_validate(earlier).target is None
    assert TuneJobSpec.model_validate({"epochs": 3, "subnet": "digits-1f.net-3f9a1c"}).target is None
    assert FileJobSpec.model_validate({**earlier, "target": 2}).target == 2
    # The same job, written as it was before there was a choice: it is gone on with.
    assert FileJobSpec.model_validate({**earlier, "target": 1}).model_dump(mode="json") == earlier
    assert FileJobSpec.model_validate({**earlier, "target": 2}).model_dump()["target"] == 2
    with pytest.raises(ValidationError):
        FileJobSpec.model_validate({**earlier, "target": 0})


@pytest.mark.parametrize("epochs", [0, -1, 10_001, float("nan")])
def test_training_has_an_end(epochs: float) -> None:
    with pytest.raises(ValidationError):
        TuneSpec.model_validate({"epochs": epochs})
