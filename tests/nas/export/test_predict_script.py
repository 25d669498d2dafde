import ast
import os
import re
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from latency_predictors.device import ExecutionContext, GraphOptimisation, host_context
from latency_predictors.runtimes.onnxruntime import OnnxRuntime
from nas.data.catalogue import open_dataset
from nas.data.dataset import Dataset
from nas.data.folder_listing import list_folder
from nas.data.spec import DigitsSpec
from nas.export.bundle import write_bundle
from nas.export.classifier import OnnxClassifier, scaled
from nas.export.onnx import export_onnx
from nas.export.predict_script import predict_script
from nas.specs import LatencySpec
from search_spaces.catalogue import get_space
from search_spaces.modules.static import StaticNetwork
from tests.nas.export.cards import card_in, example_card
from tests.nas.export.networks import drawn, facts, settled

SPACE = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)


def fitted(digits: Dataset) -> bytes:
    """Random features with a classifier fitted by least squares: far from chance, and trained in no time."""
    architecture = next(drawn(SPACE, 1, seed=2))
    static = settled(SPACE, architecture)
    classifier = static.get_submodule("layers.head.convs.classifier.conv")
    assert isinstance(classifier, nn.Conv2d)
    side = static.nodes[0].spec.in_shape[1]
    features = features_of(static, classifier, digits.images("train", side))
    target = np.eye(10)[digits.labels("train")]
    weight, *_ = np.linalg.lstsq(np.c_[features, np.ones(len(features))], target, rcond=1e-6)
    with torch.no_grad():
        classifier.weight.copy_(torch.from_numpy(10 * weight[:-1].T)[:, :, None, None])
        assert classifier.bias is not None
        classifier.bias.copy_(torch.from_numpy(10 * weight[-1]))
    return export_onnx(static, facts(SPACE, architecture, digits.class_names))


def features_of(
    static: StaticNetwork, classifier: nn.Conv2d, images: NDArray[np.uint8]
) -> NDArray[np.float64]:
    seen: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0].flatten(1))

    handle = classifier.register_forward_pre_hook(keep)
    with torch.inference_mode():
        static(torch.from_numpy(scaled(images)))
    handle.remove()
    found: NDArray[np.float64] = seen[0].double().numpy()
    return found


class Delivered:
    """A bundle and the validation images of its data set as a stranger has them."""

    def __init__(self, root: Path) -> None:
        self.digits = open_dataset(DigitsSpec())
        model = root / "scored.onnx"
        model.write_bytes(fitted(self.digits))
        self.folder = root / "bundle"
        write_bundle(self.folder, model, example_card(model))
        self.images = root / "images"
        self.labels = self.digits.labels("validation")
        for index, (image, label) in enumerate(
            zip(self.digits.images("validation", 8), self.labels, strict=True)
        ):
            path = self.images / self.digits.class_names[label] / f"{index:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[0]).save(path)
        classifier = OnnxClassifier(model)
        resized = self.digits.images("validation", classifier.metadata.resolution)
        assert resized.shape[-1] > 8, "the images have to be resized on the way"
        self.predicted = classifier.run(resized).argmax(axis=1)

    def run(
        self, *arguments: Path | str, cwd: Path, stdout: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        """Run the program as a stranger does: no project on the path, nothing set."""
        command = [sys.executable, "-I", "-W", "error", str(self.folder / "predict.py"), *map(str, arguments)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
        return subprocess.run(
            command, cwd=cwd, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return Delivered(tmp_path_factory.mktemp("delivered"))


def test_a_stranger_gets_the_cards_accuracy_to_the_image(delivered: Delivered, tmp_path: Path) -> None:
    done = delivered.run("--data", delivered.images, cwd=tmp_path)
    correct, total = int((delivered.predicted == delivered.labels).sum()), len(delivered.labels)
    assert correct / total > 0.5, "the network has to have learnt something"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"accuracy {100 * correct / total:.2f} % ({correct} of {total} images)\n"
    assert list(tmp_path.iterdir()) == [], "nothing is written, also not by the runtime's reporting"


def test_each_image_gets_the_class_that_was_scored(delivered: Delivered, tmp_path: Path) -> None:
    done = delivered.run(delivered.images, cwd=tmp_path)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    found = {int(Path(path).stem): name for path, name, _ in rows}
    assert found == {index: str(label) for index, label in enumerate(delivered.predicted)}
    assert all(0.1 <= float(probability) <= 1 for _, _, probability in rows)


def test_unreadable_files_are_named_and_the_rest_goes_on(delivered: Delivered, tmp_path: Path) -> None:
    good = next(delivered.images.rglob("*.png"))
    broken = tmp_path / "broken\x1b[31m.png"
    broken.write_bytes(good.read_bytes()[:50])
    done = delivered.run(broken, tmp_path / "missing.png", good, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(str(good))
    assert "broken\\x1b[31m.png" in done.stderr
    assert "missing.png" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("num_images", [1, 300])
def test_a_reader_that_has_seen_enough_ends_it_quietly(
    num_images: int, delivered: Delivered, tmp_path: Path
) -> None:
    images = sorted(delivered.images.rglob("*.png"))[:num_images]
    reading, writing = os.pipe()
    os.close(reading)
    done = delivered.run(*images, cwd=tmp_path, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_broken_and_foreign_images_do_not_count(delivered: Delivered, tmp_path: Path) -> None:
    for name, class_name in (("a", "3"), ("b", "unknown")):
        (tmp_path / class_name).mkdir()
        (tmp_path / class_name / f"{name}.png").write_bytes(
            next(delivered.images.rglob("*.png")).read_bytes()
        )
    (tmp_path / "3" / "broken.png").write_bytes(b"no image")
    done = delivered.run("--data", tmp_path, cwd=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch(r"accuracy (0|100)\.00 % \([01] of 1 images\)\n", done.stdout)
    assert "1 images are not in a folder named after a class" in done.stderr
    assert "broken.png" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "give either images, --data FOLDER or --time"),
        (["--time", "--data", "."], 2, "give either images, --data FOLDER or --time"),
        (["--data", "nowhere"], 1, "nowhere is no folder"),
        (["--data", "."], 1, "no images in folders named after classes; classes are 0, 1"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str], status: int, message: str, delivered: Delivered, tmp_path: Path
) -> None:
    done = delivered.run(*arguments, cwd=tmp_path)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_changed_model_is_refused(delivered: Delivered, tmp_path: Path) -> None:
    for name in ("predict.py", "model.onnx"):
        (tmp_path / name).write_bytes((delivered.folder / name).read_bytes() + b"\n")
    command = [sys.executable, "-I", str(tmp_path / "predict.py"), str(delivered.images)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not the file that was scored" in done.stderr


@pytest.mark.parametrize("level", ["none", "basic", "extended", "all"])
def test_the_session_is_the_one_that_was_measured(
    level: GraphOptimisation, model: Path, tmp_path: Path
) -> None:
    context = replace(host_context(threads=2), graph_optimisation=level)
    path = tmp_path / "predict.py"
    path.write_text(predict_script(card_in(example_card(model), context)), encoding="utf-8")
    given = runpy.run_path(str(path))["session_options"]()
    session: Any = OnnxRuntime().prepare(model, context)._session
    measured = session.get_session_options()
    for name in (
        "intra_op_num_threads",
        "inter_op_num_threads",
        "execution_mode",
        "graph_optimization_level",
        "enable_mem_pattern",
        "enable_cpu_mem_arena",
    ):
        assert getattr(given, name) == getattr(measured, name), name
    spinning = "session.intra_op.allow_spinning"
    assert given.get_session_config_entry(spinning) == measured.get_session_config_entry(spinning) == "0"


def test_the_latency_here_stands_beside_that_on_the_card(delivered: Delivered, tmp_path: Path) -> None:
    done = delivered.run("--time", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    here, card = done.stdout.splitlines()
    found = re.fullmatch(
        r"here: (\S+) ms, median of \d+ runs; (\S+) ms in the calmest tenth of a second", here
    )
    assert found
    assert 0 < float(found[2]) <= float(found[1])
    context = host_context().label
    assert card.startswith("card: 0.431 ms (0.425–0.436 ms), median, on Example | CPU, ")
    assert card.endswith(context)


def test_what_is_timed_reads_and_writes_in_place(delivered: Delivered) -> None:
    program = runpy.run_path(str(delivered.folder / "predict.py"))
    network = program["Network"]()
    shape = (2, network.num_channels, network.resolution, network.resolution)
    images = np.zeros(shape, np.float32)
    run_once, logits = program["bound"](network, images)
    images[:] = np.random.default_rng(0).random(shape)
    run_once()
    (plain,) = network.session.run(["logits"], {"image": images})
    assert np.array_equal(logits, plain)
    assert logits.any()


def program_for(model: Path, folder: Path, context: ExecutionContext, latency: LatencySpec) -> dict[str, Any]:
    """Return what the program of a bundle defines."""
    path = folder / "predict.py"
    path.write_text(predict_script(card_in(example_card(model), context, latency)), encoding="utf-8")
    return runpy.run_path(str(path))


@pytest.mark.parametrize(
    ("latency", "expected"),
    [
        (LatencySpec(), "3 ms, median of 5 runs; 1.5 ms in the calmest tenth of a second"),
        (LatencySpec(mode="paced", pause_ms=20), "3 ms, median of 5 runs"),
        (LatencySpec(statistic="p95"), "8.6 ms, p95 of 5 runs"),
    ],
)
def test_runs_are_told_by_the_statistic_of_the_card(
    latency: LatencySpec, expected: str, model: Path, tmp_path: Path
) -> None:
    program = program_for(model, tmp_path, host_context(), latency)
    assert program["told"]([np.array([3.0, 5.0, 9.5]), np.array([1.0, 2.0])]) == expected


def test_processors_are_those_of_the_card_where_there_are_such(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[Any] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 4, 5}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cpus: pinned.append(tuple(cpus)), raising=False)
    for affinity in ((), (2, 4), (4, 9)):
        context = replace(host_context(threads=2), affinity=affinity)
        program_for(model, tmp_path, context, LatencySpec())["pin"]()
    assert pinned == [(4, 5), (2, 4), (4, 5)]


def test_another_runtimes_latency_is_not_compared_with_its_own(model: Path, tmp_path: Path) -> None:
    program_for(model, tmp_path, ExecutionContext("openvino", "2026.4.1"), LatencySpec())
    command = [sys.executable, "-I", str(tmp_path / "predict.py"), "--time"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the latency on the card is that of openvino: this program runs onnxruntime\n"


def test_the_program_reads_the_files_that_a_search_reads(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("a/1.png", "b/deep/2.JPG", "b/notes.txt", "@eaDir/3.png", "a/__MACOSX/4.png", ".git/5.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "6.png").touch()
    (root / "inside").symlink_to(root / "b")
    (root / "round").symlink_to(root)
    (root / "outside").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "outside.png").symlink_to(tmp_path / "elsewhere" / "6.png")
    path = tmp_path / "predict.py"
    path.write_text(predict_script(example_card(model)), encoding="utf-8")
    found = runpy.run_path(str(path))["image_files"](root)
    assert {file.relative_to(root).as_posix() for file in found} == {
        "a/1.png",
        "b/deep/2.JPG",
        "inside/deep/2.JPG",
    }
    assert found == [root / image for image in list_folder(root).images]


def test_the_program_needs_three_packages_only(model: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(predict_script(example_card(model)))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"numpy", "PIL", "onnxruntime"}
