from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console, RenderableType

from api.remote_answers import RemoteFront, RemoteList, RemotePlan, RemoteSearch
from api.resources.jobs import ErrorResource, JobResource
from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import LookupTable
from nas.data.facts import DIGITS
from nas.jobs import JobKind, JobState
from nas.pipeline.preview import Asker, preview
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.stores import opened_stores
from tests.api.handmade import FRONT


def drawn(what: RenderableType) -> str:
    """As a terminal of 120 columns shows it."""
    console = Console(width=120)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def job(**fields: object) -> JobResource:
    plain = {
        "id": "digits-1f3a9c2e",
        "kind": JobKind.SEARCH,
        "state": JobState.FAILED,
        "name": "[red]digits",
        "owner": "me",
        "spec": {},
        "attempt": 1,
        "cancel_requested": False,
        "error": None,
        "created_at": "2026-01-02T03:04:05Z",
        "changed_at": "2026-01-02T03:04:05Z",
        "finished_at": None,
        "links": {},
    }
    return JobResource.model_validate({**plain, **fields})


def front(**fields: object) -> RemoteFront:
    plain = {
        "search": "digits-1f3a9c2e",
        "target": 1,
        "device": "a board",
        "device_name": "pi5",
        "context": "onnxruntime",
        "statistic": "median",
        "pause_ms": 0.0,
        "limits": {},
        "table": {},
        "networks": FRONT,
        "dominated": (),
        "num_evaluated": 5,
        "subnets": {},
        "links": {},
    }
    return RemoteFront.model_validate({**plain, **fields})


def test_a_list_shows_text_as_it_is() -> None:
    told = drawn(RemoteList(searches=(job(),)))
    assert "2026-01-02 03:04" in told
    assert "[red]digits" in told
    assert "No searches yet" in drawn(RemoteList(searches=()))


def test_a_search_is_drawn_with_its_error_and_its_fronts() -> None:
    error = ErrorResource(code="not_finite", message="the loss is no number")
    assert "not_finite: the loss is no number" in drawn(RemoteSearch(search=job(error=error), fronts=()))
    told = drawn(RemoteSearch(search=job(state=JobState.SUCCEEDED), fronts=(front(),)))
    assert "a board" in told
    assert all(network.name in told for network in FRONT)
    assert "no network keeps the limits" in drawn(front(networks=()))


def test_a_plan_says_what_stands_in_its_way_and_what_is_expected_only() -> None:
    spec = parse_spec({"dataset": {"name": "digits"}, "targets": [{"limits": {"num_params": 1}}]})
    empty = LookupTable(device=host_device(), context=host_context())
    with TemporaryDirectory() as home, opened_stores(Settings(home=Path(home))) as stores:
        plan = RemotePlan.of(preview(Asker("local", stores), spec, DIGITS, lambda target: empty))
    text = drawn(plan)
    assert plan.failed
    assert "target 1: no architecture keeps num_params <= 1" in text
    assert "training is expected to take" in text
    assert "by what a small machine takes" in text
    assert f"{plan.num_layers} layers to measure" in text
