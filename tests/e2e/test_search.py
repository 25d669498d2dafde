"""A real search on this machine: what the user gets is what was measured."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from nas.data.catalogue import open_dataset
from nas.jobs import JobState
from nas.results import VerifiedNetwork
from nas.store.searches import all_searches
from tests.e2e.command import Ended, hosts_in, opened
from tests.e2e.conftest import Watched
from tests.rules.test_offline import FETCHING

# The shared search runs in the set-up of whichever test comes first.
pytestmark = pytest.mark.timeout(800)


def beats(first: VerifiedNetwork, second: VerifiedNetwork) -> bool:
    """Whether the first is no worse in both measurements and better in one."""
    better = first.accuracy.value > second.accuracy.value, first.latency.median_ms < second.latency.median_ms
    worse = first.accuracy.value < second.accuracy.value, first.latency.median_ms > second.latency.median_ms
    return any(better) and not any(worse)


def test_the_answer_is_the_result_in_the_store(finished: Ended) -> None:
    document = json.loads(finished.answer)
    assert Path(document["report"]).is_file()
    with opened(finished.home) as stores:
        (job,) = all_searches(stores, "local")
        assert document["id"] == job.id == finished.folder.name
        assert job.state is JobState.SUCCEEDED
        assert stores.stored(job).result() == finished.result


def test_the_front_is_non_dominated_in_what_was_measured(finished: Ended) -> None:
    (target,) = finished.result.targets
    assert 1 <= len(target.front) <= len(target.networks) <= 4
    for network in target.networks:
        beaten = any(beats(other, network) for other in target.networks)
        assert beaten == (network.status == "dominated"), network.name


def test_every_figure_comes_from_a_file_that_is_there(finished: Ended) -> None:
    for network in finished.result.targets[0].networks:
        content = (finished.folder / "networks" / f"{network.file_sha256}.onnx").read_bytes()
        assert hashlib.sha256(content).hexdigest() == network.file_sha256
        assert len(content) == network.file_bytes
        assert network.max_difference <= 1e-4
        assert network.latency.lower_ms <= network.latency.median_ms <= network.latency.upper_ms
        assert len(set(network.latency.sessions)) >= 2


def test_bundles_are_what_their_manifests_say(finished: Ended) -> None:
    deliveries = finished.result.deliveries
    assert 1 <= len(deliveries) <= 2
    for delivery in deliveries:
        folder = finished.folder / delivery.folder
        listed = json.loads((folder / "manifest.json").read_text())["files"]
        assert {*listed, "manifest.json"} == {path.name for path in folder.iterdir()}
        for name, facts in listed.items():
            content = (folder / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == facts["sha256"], name
        network = next(one for one in finished.result.targets[0].front if one.name == delivery.name)
        assert listed["model.onnx"]["sha256"] == network.file_sha256


def test_a_stranger_gets_the_test_accuracy_from_the_bundle(finished: Ended, tmp_path: Path) -> None:
    delivery = finished.result.deliveries[0]
    network = next(one for one in finished.result.targets[0].front if one.name == delivery.name)
    assert network.test_accuracy is not None
    dataset = open_dataset(finished.result.spec.dataset)
    images, labels = dataset.images("test", 16), dataset.labels("test")
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / dataset.class_names[label] / f"{index:04}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(path)
    script = finished.folder / delivery.folder / "predict.py"
    done = subprocess.run(
        [sys.executable, str(script), "--data", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    num_right = round(network.test_accuracy.value * len(labels))
    assert f"{num_right} of {len(labels)}" in done.stdout


def test_the_report_stands_alone(finished: Ended) -> None:
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    markup = "".join(
        part.partition("</script>")[2] if index else part for index, part in enumerate(page.split("<script"))
    )
    assert not FETCHING.search(markup)
    for network in finished.result.targets[0].front:
        assert network.name in page


def test_no_python_process_of_a_search_asks_for_another_host(watched: Watched) -> None:
    assert watched.asked == ""


def test_no_native_code_of_a_search_connects_to_another_host(watched: Watched) -> None:
    if watched.connects is None:
        pytest.skip("system calls cannot be watched here (strace)")
    assert hosts_in(watched.connects) <= {"127.0.0.1", "::1"}


def test_nothing_but_the_home_folder_is_written(finished: Ended) -> None:
    written = {path.name for path in finished.home.iterdir()}
    assert written - {"hwnas.db-journal"} == {"artifacts", "hwnas.db", "scratch", "searches", "worker.log"}


def test_no_scratch_and_nothing_half_written_is_left(finished: Ended) -> None:
    assert list((finished.home / "scratch").iterdir()) == []
    assert list((finished.home / "artifacts" / ".incoming").iterdir()) == []
    hidden = [path.name for path in finished.home.rglob("*") if path.name.startswith(".")]
    assert hidden == [".incoming"]
