from tests.api.served import DIGITS, Caller


def test_an_answer_that_is_still_good_is_not_sent_again(api: Caller) -> None:
    path = "/v1/searches/" + api.post("/v1/searches", DIGITS).json()["id"]
    first = api.get(path)
    again = api.get(path, if_none_match=f'"other", W/{first.headers["etag"]}')
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    api.post(f"{path}/cancel")
    changed = api.get(path, if_none_match=first.headers["etag"])
    assert changed.status_code == 200
    assert changed.json()["state"] == "cancelled"
