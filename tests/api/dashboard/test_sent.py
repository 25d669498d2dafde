from fastapi import FastAPI
from starlette.testclient import TestClient

from api.dashboard.sent import Sent


def test_a_form_is_read_as_it_was_sent() -> None:
    app = FastAPI(openapi_url=None)

    @app.post("/")
    def names(sent: Sent) -> list[tuple[str, str]]:
        return sent.multi_items()

    answer = TestClient(app).post("/", data={"a": ["1", "ä & <b>"], "c": ""})
    assert answer.json() == [["a", "1"], ["a", "ä & <b>"], ["c", ""]]
