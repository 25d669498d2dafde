"""The folder of a search: start, go on, find again, and files that are damaged."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.results import Document
from nas.specs import SearchSpec, parse_spec
from nas.store.run_folder import RunFolder, find_run, list_runs, start_run
from search_spaces.errors import ArtifactError, UsageError
from tests.nas.report.documents import make_result

SPEC = parse_spec({"dataset": {"name": "digits"}})
OTHER = parse_spec({"dataset": {"name": "digits"}, "seed": 1})


class Found(Document):
    value: int


def finish(run: RunFolder) -> RunFolder:
    run.save_result(make_result(id=run.id))
    return run


def at(run: RunFolder, seconds: int) -> RunFolder:
    """Say when a search was started."""
    os.utime(run.path / "spec.json", (seconds, seconds))
    return run


def files_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_search_has_a_folder_named_after_what_was_asked(tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    assert run.id == f"digits-{SPEC.digest[:8]}"
    assert files_under(tmp_path) == [f"{run.id}/spec.json"]
    assert run.spec() == SPEC
    assert not run.finished


def test_the_same_specification_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    first = start_run(tmp_path, SPEC)
    first.save("train", Found(value=3))
    again = start_run(tmp_path, SPEC)
    assert again.id == first.id
    assert again.load("train", Found) == Found(value=3)
    assert start_run(tmp_path, OTHER).id != first.id


def test_a_finished_search_is_not_touched_by_the_next(tmp_path: Path) -> None:
    first = finish(start_run(tmp_path, SPEC))
    second = start_run(tmp_path, SPEC)
    assert second.id == f"{first.id}-2"
    assert start_run(tmp_path, SPEC).id == second.id
    finish(second)
    assert start_run(tmp_path, SPEC).id == f"{first.id}-3"
    assert first.result().id == first.id


def test_a_folder_that_was_made_but_never_started_is_used(tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    (run.path / "spec.json").unlink()
    assert start_run(tmp_path, SPEC).id == run.id


def test_a_phase_is_finished_once_its_document_is_there(tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    assert not run.has("train")
    run.save("train", Found(value=1))
    assert run.has("train")
    assert not run.has("train.time")


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    archs, correct = np.arange(6).reshape(2, 3), np.array([[True, False]])
    assert not run.has_arrays("predict")
    run.save_arrays("predict", archs=archs, correct=correct)
    assert run.has_arrays("predict")
    found = run.load_arrays("predict")
    assert sorted(found) == ["archs", "correct"]
    np.testing.assert_array_equal(found["archs"], archs)
    np.testing.assert_array_equal(found["correct"], correct)
    assert found["correct"].dtype == np.bool_


def test_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    with pytest.raises(ValueError, match="pickle"):
        run.save_arrays("objects", things=np.array([object()]))
    assert not run.has_arrays("objects")
    np.savez(run.path / "phases-objects.npz", things=np.array([{"a": 1}], dtype=object))
    (run.path / "phases").mkdir(exist_ok=True)
    (run.path / "phases-objects.npz").rename(run.path / "phases" / "objects.npz")
    with pytest.raises(ArtifactError) as caught:
        run.load_arrays("objects")
    assert caught.value.code == "damaged_file"


def test_networks_are_kept_once_under_their_sha256(tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    # FIPS 180-2, appendix B.1.
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert run.keep_network(b"abc") == digest
    assert run.network_path(digest).read_bytes() == b"abc"
    before = run.network_path(digest).stat().st_mtime_ns
    assert run.keep_network(b"abc") == digest
    assert run.network_path(digest).stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"value": "x"}', b'{"value": 1, "new": 2}', b"\xff\xfe"]
)
def test_a_damaged_document_is_named(content: bytes, tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    run.save("train", Found(value=1))
    (run.path / "phases" / "train.json").write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        run.load("train", Found)
    assert caught.value.code == "damaged_file"
    assert str(run.path / "phases" / "train.json") in caught.value.message
    assert "remove it and start the search again" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("kept", [0, 10, 100, -1])
def test_damaged_arrays_are_named(kept: int, tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    run.save_arrays("predict", archs=np.random.default_rng(0).integers(0, 9, (50, 50)))
    path = run.path / "phases" / "predict.npz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ArtifactError) as caught:
        run.load_arrays("predict")
    assert caught.value.code == "damaged_file"
    assert "predict.npz" in caught.value.message


def test_no_flipped_byte_gives_other_arrays_or_another_error(tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    archs = np.random.default_rng(0).integers(0, 9, (5, 5))
    run.save_arrays("predict", archs=archs)
    path = run.path / "phases" / "predict.npz"
    content = path.read_bytes()
    num_found = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0xFF
        path.write_bytes(changed)
        try:
            # A date or another fact of the archive that nothing depends on.
            np.testing.assert_array_equal(run.load_arrays("predict")["archs"], archs)
        except ArtifactError:
            num_found += 1
    assert num_found > len(content) / 2


def test_a_missing_phase_is_an_error_not_an_empty_answer(tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    reads: list[Any] = [lambda: run.load("train", Found), lambda: run.load_arrays("predict")]
    for read in reads:
        with pytest.raises(ArtifactError) as caught:
            read()
        assert caught.value.code == "damaged_file"


def test_a_damaged_specification_stops_only_its_own_search(tmp_path: Path) -> None:
    run, other = start_run(tmp_path, SPEC), start_run(tmp_path, OTHER)
    (run.path / "spec.json").write_text("{")
    with pytest.raises(ArtifactError):
        run.spec()
    assert find_run(tmp_path, other.id).spec() == OTHER


def test_the_result_of_an_unfinished_search_says_how_to_get_one(tmp_path: Path) -> None:
    run = start_run(tmp_path, SPEC)
    with pytest.raises(UsageError) as caught:
        run.result()
    assert caught.value.code == "search_not_finished"
    assert run.id in caught.value.message


def test_when_a_search_started_survives_going_on(tmp_path: Path) -> None:
    at(start_run(tmp_path, SPEC), 86_400)
    assert start_run(tmp_path, SPEC).started_at() == "1970-01-02T00:00:00+00:00"


class TestFinding:
    def runs(self, folder: Path, *specs: SearchSpec) -> list[RunFolder]:
        return [at(start_run(folder, spec), 1_000 * (number + 1)) for number, spec in enumerate(specs)]

    def test_searches_are_listed_the_last_started_last(self, tmp_path: Path) -> None:
        first, second = self.runs(tmp_path, SPEC, OTHER)
        at(first, 5_000)
        assert [run.id for run in list_runs(tmp_path)] == [second.id, first.id]

    def test_nothing_else_in_the_folder_is_taken_for_a_search(self, tmp_path: Path) -> None:
        (run,) = self.runs(tmp_path, SPEC)
        (tmp_path / "notes").mkdir()
        (tmp_path / "digits-00000000").mkdir()
        (tmp_path / "plan.txt").write_text("")
        assert [found.id for found in list_runs(tmp_path)] == [run.id]
        assert list_runs(tmp_path / "nowhere") == []

    def test_latest_is_the_last_started(self, tmp_path: Path) -> None:
        _, second = self.runs(tmp_path, SPEC, OTHER)
        assert find_run(tmp_path, "latest").id == second.id

    def test_the_start_of_a_name_suffices(self, tmp_path: Path) -> None:
        first, _ = self.runs(tmp_path, SPEC, OTHER)
        assert find_run(tmp_path, first.id[:-2]).id == first.id

    def test_the_whole_name_wins_over_longer_ones(self, tmp_path: Path) -> None:
        first = finish(start_run(tmp_path, SPEC))
        start_run(tmp_path, SPEC)
        assert find_run(tmp_path, first.id).id == first.id

    def test_several_that_may_be_meant_are_named(self, tmp_path: Path) -> None:
        runs = self.runs(tmp_path, SPEC, OTHER)
        with pytest.raises(UsageError) as caught:
            find_run(tmp_path, "digits-")
        assert caught.value.code == "ambiguous_search"
        assert all(run.id in caught.value.message for run in runs)

    @pytest.mark.parametrize("name", ["cats", "", "../digits", "latest"])
    def test_an_unknown_search_is_refused_with_what_there_is(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(UsageError) as caught:
            find_run(tmp_path / "searches", name)
        assert caught.value.code == "unknown_search"
        assert "none yet" in caught.value.message
