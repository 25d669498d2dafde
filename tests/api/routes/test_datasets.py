from tests.api.served import Caller, code


def test_data_sets_are_shown_without_their_places(api: Caller) -> None:
    api.stores.datasets.add("local", "mine", {"name": "arrays", "path": "/somewhere/mine.npz"})
    (shown,) = api.get("/v1/datasets").json()["items"]
    assert (shown["name"], shown["state"], shown["spec"]) == ("mine", "checking", {"name": "arrays"})
    assert api.get("/v1/datasets/mine").json() == shown
    assert code(api.get("/v1/datasets/none")) == (404, "unknown_dataset")
