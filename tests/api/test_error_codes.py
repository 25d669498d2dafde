from api.error_codes import error_codes
from tests.api.served import Caller
from tests.rules.test_errors_documented import documented


def test_every_documented_code_is_known_with_its_way_out() -> None:
    found = error_codes()
    assert set(documented()) <= set(found)
    assert {"invalid_request", "internal_error", "lease_expired"} <= set(found)
    assert all(one.meaning and one.what_to_do for one in found.values())


def test_the_type_of_a_problem_leads_to_its_page(api: Caller) -> None:
    nobody = api.client
    for path in ("/v1/searches/none", "/v1/searches?limit=0", "/nowhere"):
        problem = api.get(path).json()
        found = nobody.get(problem["type"])
        assert found.status_code == 200
        assert found.json()["code"] == problem["code"]
