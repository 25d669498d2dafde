"""The one schema of a search: what is accepted, and how it says what is wrong."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from latency_predictors.latency_metric import LatencyMetric
from nas.data.spec import ImageFolderSpec
from nas.specs import ContextSpec, SearchSpec, load_spec, parse_spec
from nas.training_options import TrainingOptions
from search_spaces.errors import UsageError

MINIMAL: dict[str, Any] = {"dataset": {"name": "digits"}}


def changed(path: str, value: object) -> dict[str, Any]:
    """The minimal specification with one field set, by its dotted path; `targets` is a list of one."""
    document: dict[str, Any] = json.loads(json.dumps(MINIMAL))
    *parents, last = path.split(".")
    inner = document
    for name in parents:
        if name == "targets":
            inner = inner.setdefault(name, [{}])[0]
        elif name != "0":
            inner = inner.setdefault(name, {})
    inner[last] = value
    return document


def refused(document: object) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse_spec(document)
    return caught.value


def test_the_smallest_specification_has_a_default_for_everything_else() -> None:
    spec = parse_spec(MINIMAL)
    assert (spec.space.name, spec.space.preset) == ("mobilenet_v3", "tiny")
    assert [target.limits for target in spec.targets] == [{}]
    assert spec.search.objectives == ("accuracy", "latency_ms")
    assert spec.references == ()
    assert spec.supernet.epochs is None
    assert spec.supernet.learning_rate == TrainingOptions(epochs=1).learning_rate


def test_the_usual_learning_rate_is_not_written_so_that_what_is_stored_stays_the_same_specification() -> None:
    assert "learning_rate" not in parse_spec(MINIMAL).model_dump(mode="json")["supernet"]
    lower = parse_spec({**MINIMAL, "supernet": {"learning_rate": 0.05}})
    written = lower.model_dump(mode="json")
    assert written["supernet"]["learning_rate"] == 0.05
    assert parse_spec(written) == lower


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("dataset", {}),
        ("dataset.name", "imagenet"),
        ("dataset.path", "images"),
        ("space.name", 3),
        ("space.colour", "red"),
        ("targets", []),
        ("targets.0.device", "Pi 5"),
        ("targets.0.context.runtime", "tensorrt"),
        ("targets.0.context.precision", "int4"),
        ("targets.0.context.threads", 3),
        ("targets.0.context.batch", 0),
        ("targets.0.context.batch", 257),
        ("targets.0.latency.statistic", "mean"),
        ("targets.0.latency.mode", "now and then"),
        ("targets.0.latency", {"mode": "paced"}),
        ("targets.0.latency", {"pause_ms": 20.0}),
        ("targets.0.latency", {"mode": "paced", "pause_ms": 0}),
        ("targets.0.latency", {"mode": "paced", "pause_ms": 201}),
        ("targets.0.limits.latency_ms", 0),
        ("targets.0.limits.latency_ms", -1.0),
        ("targets.0.limits.latency_ms", "fast"),
        ("targets.0.limits.latency_ms", float("nan")),
        ("targets.0.limits.latency_ms", float("inf")),
        ("targets.0.limits.energy", 1.0),
        ("supernet.recipe", "magic"),
        ("supernet.epochs", 0),
        ("supernet.epochs", 1.5),
        ("supernet.learning_rate", 0),
        ("supernet.learning_rate", -0.1),
        ("supernet.learning_rate", float("nan")),
        ("search.strategy", "luck"),
        ("search.objectives", ["accuracy"]),
        ("search.objectives", ["latency_ms", "num_params"]),
        ("search.objectives", ["accuracy", "accuracy"]),
        ("search.objectives", ["accuracy", "beauty"]),
        ("search.evaluations", 99),
        ("verify.candidates", 3),
        ("verify.rounds", 0),
        ("budget.wall_minutes", 0),
        ("export.formats", []),
        ("export.formats", ["tflite"]),
        ("export.points", 0),
        ("references", ["vgg"]),
        ("seed", -1),
        ("seed", 2**63),
        ("surprise", 1),
    ],
)
def test_a_bad_field_is_named(path: str, value: object) -> None:
    error = refused(changed(path, value))
    assert error.code == "invalid_spec"
    name = path.removeprefix("dataset.") if path.startswith("dataset.") else path
    assert name in error.message
    assert "\n" not in error.message
    assert "http" not in error.message


@pytest.mark.parametrize(
    ("latency", "metric"),
    [
        ({}, LatencyMetric()),
        ({"statistic": "p95"}, LatencyMetric("p95")),
        ({"mode": "paced", "pause_ms": 20}, LatencyMetric(pause_ms=20.0)),
        ({"mode": "paced", "pause_ms": 200, "statistic": "p95"}, LatencyMetric("p95", 200.0)),
    ],
)
def test_a_target_says_which_latency_it_means(latency: dict[str, Any], metric: LatencyMetric) -> None:
    (target,) = parse_spec(changed("targets.0.latency", latency)).targets
    assert target.latency.metric == metric


def test_a_target_says_how_its_device_runs_networks() -> None:
    asked: dict[str, Any] = {"runtime": "openvino", "precision": "int8", "threads": 4, "batch": 8}
    (target,) = parse_spec(changed("targets.0.context", asked)).targets
    assert target.context == ContextSpec(runtime="openvino", precision="int8", threads=4, batch=8)


def test_every_bad_field_is_named_at_once_with_what_was_given() -> None:
    error = refused({**changed("verify.rounds", 0), "seed": "lucky", "budget": {"wall_minutes": -3}})
    for part in ("verify.rounds", "seed", "'lucky'", "budget.wall_minutes", "-3"):
        assert part in error.message


@pytest.mark.parametrize("document", [None, [], "digits", 3, {}])
def test_what_is_no_specification_is_refused(document: object) -> None:
    assert refused(document).code == "invalid_spec"


def test_the_digest_knows_every_field_and_nothing_else() -> None:
    spec = parse_spec(MINIMAL)
    assert parse_spec({**MINIMAL, "seed": 0, "space": {"preset": "tiny"}}).digest == spec.digest
    others = [
        changed("seed", 1),
        changed("targets.0.limits.latency_ms", 1.0),
        changed("supernet.epochs", 3),
        changed("export.points", 2),
    ]
    assert len({parse_spec(document).digest for document in others} | {spec.digest}) == 5


def test_a_specification_survives_json() -> None:
    spec = parse_spec(changed("targets.0.limits", {"latency_ms": 0.5, "num_params": 1e5}))
    assert SearchSpec.model_validate_json(json.dumps(spec.model_dump(mode="json"))) == spec


def write(folder: Path, text: str | bytes, name: str = "spec.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    in_yaml = write(tmp_path, "dataset: {name: digits}\nseed: 3\n")
    in_json = write(tmp_path, '{"dataset": {"name": "digits"}, "seed": 3}', "spec.json")
    assert load_spec(in_yaml) == load_spec(in_json) == parse_spec({**MINIMAL, "seed": 3})


def test_a_relative_path_of_images_belongs_to_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "project", "dataset: {name: image_folder, path: ../photos}\n")
    dataset = load_spec(Path("project/spec.yaml")).dataset
    assert isinstance(dataset, ImageFolderSpec)
    assert dataset.path == tmp_path / "photos"


@pytest.mark.parametrize("path", ["{folder}/photos", "~/photos"])
def test_absolute_paths_and_homes_stay(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = path.format(folder=tmp_path)
    (tmp_path / "elsewhere").mkdir()
    spec = load_spec(write(tmp_path / "elsewhere", f"dataset: {{name: image_folder, path: {given}}}\n"))
    assert isinstance(spec.dataset, ImageFolderSpec)
    assert spec.dataset.path == tmp_path / "photos"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid_spec"),
        (b"just words", "invalid_spec"),
        (b"- a\n- list\n", "invalid_spec"),
        (b"dataset: {name: digits", "invalid_yaml"),
        (b"dataset:\n\tname: digits", "invalid_yaml"),
        (b"\xff\xfe\x00broken", "invalid_yaml"),
        (b"dataset: {name: digits}\x00", "invalid_yaml"),
        (b"a: 1\n---\nb: 2\n", "invalid_yaml"),
        (b"dataset: !!python/object/apply:os.system ['true']", "invalid_yaml"),
        (b"1: 2\n", "invalid_spec"),
        (b"? [a, b]\n: 1\n", "invalid_yaml"),
        (b"? {a: b}\n: 1\n", "invalid_yaml"),
        (b"seed: 2026-13-45\ndataset: {name: digits}\n", "invalid_yaml"),
        (b"[" * 100_000, "invalid_yaml"),
    ],
)
def test_files_that_hold_no_specification_say_so_in_a_line(content: bytes, code: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_spec(write(tmp_path, content))
    assert caught.value.code == code
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 1_000


@pytest.mark.parametrize("missing", ["none.yaml", "."])
def test_a_file_that_is_not_there_is_named(missing: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_spec(tmp_path / missing)
    assert caught.value.code == "no_such_file"


def test_a_yaml_bomb_is_refused_at_once_and_in_few_words(tmp_path: Path) -> None:
    """Nine levels of nine references: a billion strings, if anything ever walked through them."""
    lines = ["a0: &a0 boom"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    lines += ["dataset: *a9", "targets: *a9", "references: *a9", "seed: *a9"]
    started = time.perf_counter()
    with pytest.raises(UsageError) as caught:
        load_spec(write(tmp_path, "\n".join(lines)))
    assert caught.value.code == "invalid_spec"
    assert time.perf_counter() - started < 5.0
    assert len(caught.value.message) < 10_000


@pytest.mark.parametrize("context", [{"runtime": "openvino"}, {"batch": 2}])
def test_the_arena_is_that_of_one_runtime_and_one_image(context: dict[str, object]) -> None:
    document = {"dataset": {"name": "digits"}, "targets": [{"limits": {"arena_bytes": 100_000}}]}
    assert parse_spec(document).wanted(parse_spec(document).targets[0]) == {"latency_ms", "arena_bytes"}
    document["targets"] = [{"context": context, "limits": {"arena_bytes": 100_000}}]
    with pytest.raises(UsageError, match="take peak_memory_bytes"):
        parse_spec(document)
    asked = {"objectives": ["accuracy", "arena_bytes"]}
    with pytest.raises(UsageError, match="take peak_memory_bytes"):
        parse_spec({"dataset": {"name": "digits"}, "targets": [{"context": context}], "search": asked})


def test_sizes_of_int8_files_may_be_limited() -> None:
    int8 = {"context": {"precision": "int8"}, "limits": {"file_bytes": 100_000}}
    assert parse_spec({"dataset": {"name": "digits"}, "targets": [int8]}).targets[0].limits == {
        "file_bytes": 100_000
    }
