from tests.api.served import Caller, code


def test_spaces_are_shown(api: Caller) -> None:
    listed = api.get("/v1/spaces").json()["spaces"]
    assert ("mobilenet_v3", "tiny") in {(one["name"], one["preset"]) for one in listed}
    shown = api.get("/v1/spaces/nas_bench_201?num_classes=4").json()
    assert shown["summary"]["num_classes"] == 4
    assert code(api.get("/v1/spaces/none")) == (404, "unknown_space")
