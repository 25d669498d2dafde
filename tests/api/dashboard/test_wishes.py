import pytest

from api.dashboard.search_form import form_of
from api.dashboard.wishes import WISHES, grant
from nas.specs import SearchSpec


@pytest.mark.parametrize("name", WISHES)
def test_every_wish_is_a_search(name: str) -> None:
    form = form_of({"dataset": {"name": "digits"}, "targets": [{"device": "host"}, {"device": "host"}]})
    grant(WISHES[name], form.document)
    search = form.checked()
    assert search is not None, form.problems
    assert search != SearchSpec.model_validate({"dataset": {"name": "digits"}, "targets": [{}, {}]})


def test_a_wish_of_targets_is_one_of_each_of_them() -> None:
    form = form_of({"targets": [{"device": "host"}, {"device": "host", "limits": {"num_macs": 5.0}}]})
    grant(WISHES["fast"], form.document)
    assert [one["limits"] for one in form.document["targets"]] == [{"latency_ms": 20.0}] * 2
