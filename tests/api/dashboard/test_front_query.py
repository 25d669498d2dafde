import pytest
from pydantic import ValidationError

from api.dashboard.front_query import FrontQuery


def test_fields_that_nobody_filled_in_are_none() -> None:
    asked = FrontQuery.model_validate({"latency_ms": "", "x_scale": "", "pick": "", "num_params": "2e4"})
    assert asked.budgets == {"num_params": 20_000.0}
    assert asked.log == (None, None)
    assert asked.pick is None


def test_scales_are_as_asked() -> None:
    assert FrontQuery(x_scale="log", y_scale="linear").log == (True, False)


@pytest.mark.parametrize(
    "wrong", [{"x": "speed"}, {"latency_ms": -1}, {"latency_ms": "nan"}, {"target": 0}, {"show": ("all",)}]
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FrontQuery.model_validate(wrong)


def test_what_a_later_version_adds_is_ignored() -> None:
    assert FrontQuery.model_validate({"colour": "red"}) == FrontQuery()


def test_the_address_of_another_pick_keeps_everything_else() -> None:
    asked = FrontQuery(y="num_params", show=("ties",), latency_ms=2.0, pick="a", beside=("s.1",))
    fields = asked.fields("b")
    assert ("pick", "b") in fields
    assert ("pick", "a") not in fields
    read = {name: value for name, value in fields if name not in ("show", "beside")}
    lists = {key: [value for name, value in fields if name == key] for key in ("show", "beside")}
    again = FrontQuery.model_validate({**read, **lists})
    assert again == asked.model_copy(update={"pick": "b", "show": ("none", "ties")})
