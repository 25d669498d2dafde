from api.dashboard.targets import limit_texts, limits_of, target_text, targets_of


def test_a_target_is_one_line_with_its_units() -> None:
    target = {
        "device": "host",
        "context": {"runtime": "onnxruntime", "precision": "int8", "threads": 2, "batch": 4},
        "limits": {"latency_ms": 20.0, "file_bytes": 1048576},
    }
    assert target_text(target) == "host · onnxruntime, int8, 2 threads, batch 4"
    assert limit_texts(target) == ["latency ≤ 20 ms", "file size ≤ 1.00 MiB"]
    assert limits_of(target) == {"latency_ms": 20.0, "file_bytes": 1048576.0}


def test_targets_that_differ_in_what_latency_means_are_told_apart() -> None:
    context = {"runtime": "onnxruntime"}
    tail = {"statistic": "p95", "mode": "paced", "pause_ms": 20.0}
    plain = {"statistic": "median", "mode": "back_to_back", "pause_ms": None}
    told = [target_text({"device": "pi5", "context": context, "latency": one}) for one in (plain, tail)]
    assert told == ["pi5 · onnxruntime", "pi5 · onnxruntime, p95 with pauses of 20 ms"]


def test_what_an_earlier_version_stored_is_shown_as_far_as_it_is_known() -> None:
    assert target_text({}) == "?"
    assert limit_texts({"limits": {"carbon_g": 3}}) == ["carbon_g ≤ 3"]
    assert targets_of({"targets": "none"}) == targets_of({}) == []
    assert targets_of({"targets": [{}, 1]}) == [{}]
