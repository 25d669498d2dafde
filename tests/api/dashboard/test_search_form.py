from starlette.datastructures import QueryParams

from api.dashboard.search_form import MAX_TARGETS, form_of, other_fields, read_form, target_fields
from api.resources.submissions import SubmittedSearch
from tests.api.handmade import SPEC

KEPT = [("search.objectives", "accuracy"), ("search.objectives", "latency_ms"), ("export.formats", "onnx")]


def sent(*more: tuple[str, str]) -> QueryParams:
    """A form whose lists of choices are as they are at first."""
    return QueryParams([*KEPT, *more])


def test_a_form_is_as_short_as_what_was_changed() -> None:
    form = read_form(
        sent(("space", "mobilenet_v3/tiny"), ("targets.0.limits.latency_ms", "20"), ("seed", "3"))
    )
    assert form.document == {
        "space": {"name": "mobilenet_v3", "preset": "tiny"},
        "dataset": {"name": "digits"},
        "targets": [{"device": "host", "limits": {"latency_ms": 20.0}}],
        "budget": {"wall_minutes": 60.0},
        "seed": 3,
    }
    assert isinstance(form.checked(), SubmittedSearch)
    assert form.problems == []


def test_whatever_is_wrong_stands_at_its_field() -> None:
    form = read_form(
        sent(
            ("targets.0.limits.latency_ms", "-1"),
            ("verify.candidates", "many"),
            ("dataset", "shapes"),
            ("dataset.num_classes", "1"),
        )
    )
    assert form.checked() is None
    for path in ("targets.0.limits.latency_ms", "verify.candidates", "dataset.num_classes"):
        assert form.problem(path), path
    assert form.problem("seed") == ""


def test_a_stored_data_set_is_named_and_nothing_else_is_believed() -> None:
    assert read_form(sent(("dataset", "stored:mine:2"))).document["dataset"] == {
        "name": "stored",
        "id": "mine:2",
    }
    form = read_form(sent(("dataset", "arrays"), ("dataset.path", "/etc/passwd")))
    assert form.document["dataset"] == {"name": "arrays"}
    assert form.checked() is None
    assert form.problem("dataset")


def test_the_number_of_targets_is_bounded() -> None:
    assert read_form(sent(("num_targets", "999"))).num_targets == MAX_TARGETS
    assert read_form(sent(("num_targets", "²"))).num_targets == 1
    two = read_form(sent(("num_targets", "2"), ("targets.1.context.threads", "2")))
    assert two.document["targets"][1] == {"device": "host", "context": {"threads": 2}}


def test_an_earlier_search_fills_the_form() -> None:
    form = form_of(SPEC.model_dump(mode="json"))
    assert form.checked() is not None
    limit = next(one for one in target_fields(0) if one.path.endswith(".latency_ms"))
    assert form.value(limit) == 1.0
    assert form_of({"dataset": {"name": "digits"}, "of_another_version": 1}).checked() is not None


def test_no_field_of_a_search_is_missing() -> None:
    inside = {one.path.split(".")[0] for fields in other_fields().values() for one in fields}
    assert set(SubmittedSearch.model_fields) == inside | {"space", "dataset", "targets", "budget", "seed"}
