"""Tests mirror sources, and nothing in the repository leans on the machine it was written on."""

import re
from pathlib import Path

from tests.conftest import FIRST, WAITING
from tests.rules.sources import ROOT, package_files, source_files, tracked_files

# Files without a test of their own, each with the test that covers it.
# Tables and migrations are compared with each other.
TESTED_ELSEWHERE: dict[str, str] = {
    # Models of answers are tested through the operations that give them.
    "api/resources/candidates.py": "tests/api/routes/test_searches.py",
    "api/resources/downloads.py": "tests/api/routes/test_exports.py",
    "api/resources/exports.py": "tests/api/routes/test_exports.py",
    "api/resources/fronts.py": "tests/api/routes/test_searches.py",
    "api/resources/jobs.py": "tests/api/routes/test_searches.py",
    "api/resources/predictions.py": "tests/api/routes/test_devices.py",
    "api/resources/subnets.py": "tests/api/routes/test_subnets.py",
    "api/resources/submissions.py": "tests/api/routes/test_searches.py",
    "api/bundle_work.py": "tests/api/test_bundles.py",
    "api/routes/jobs.py": "tests/api/routes/test_devices.py",
    "api/service_commands.py": "tests/test_cli_reference.py",
    "nas/network_results.py": "tests/nas/test_results.py",
    "nas/data/source.py": "tests/nas/data/test_resized.py",
    "nas/pipeline/amounts.py": "tests/nas/pipeline/test_plan.py",
    "nas/store/access_tables.py": "tests/nas/store/test_schema.py",
    "nas/store/checkpoint_rows.py": "tests/nas/store/test_supernet_store.py",
    "nas/store/job_rows.py": "tests/nas/store/test_job_store.py",
    "nas/store/measurement_tables.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/env.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0001_jobs.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0002_models.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0003_measurements.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0004_trainers.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0005_access.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0006_operations.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0007_agents.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0008_checks.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0009_lists.py": "tests/nas/store/test_query_plans.py",
    "nas/store/migrations/versions/r0010_facets.py": "tests/nas/store/test_job_facets.py",
    "nas/store/migrations/versions/r0011_replaced_keys.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0012_faults.py": "tests/nas/store/test_schema.py",
    "nas/store/migrations/versions/r0013_troubles.py": "tests/nas/store/test_schema.py",
    "nas/store/model_tables.py": "tests/nas/store/test_schema.py",
    "nas/store/tables.py": "tests/nas/store/test_schema.py",
    "nas/training/events.py": "tests/nas/training/test_trainer.py",
    "nas/training/options.py": "tests/nas/training/test_trainer.py",
    "workers/agent_commands.py": "tests/workers/test_agent_serving.py",
    "workers/backup_commands.py": "tests/workers/test_backups.py",
    # What runs in the processes of Ray is tested through them.
    "workers/ray_driver.py": "tests/workers/test_cluster.py",
    "workers/ray_lookout.py": "tests/workers/test_cluster.py",
    "workers/ray_messages.py": "tests/workers/test_cluster.py",
    "workers/ray_process.py": "tests/workers/test_cluster.py",
    "workers/ray_remote.py": "tests/workers/test_cluster.py",
    "workers/ray_scoring.py": "tests/workers/test_cluster.py",
    "workers/ray_training.py": "tests/workers/test_cluster.py",
}

TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".html", ".js", ".css", ".j2", ".json", ""}
# Written in two pieces, so that this file may be looked at too.
OUTSIDE = ["/" + "work/", r"\.\./" + "shared", "/" + "root/", "/" + "home/", "/" + "opt/"]


def expected_tests(path: Path) -> list[Path]:
    """The test files that may hold the tests of a source file: test_x.py or test_x_something.py."""
    folder = ROOT / "tests" / path.parent
    return sorted([*folder.glob(f"test_{path.stem}.py"), *folder.glob(f"test_{path.stem}_*.py")])


def test_every_source_file_has_a_test_file() -> None:
    sources = [path for path in package_files() if path.name != "__init__.py"]
    untested = [str(path) for path in sources if not expected_tests(path)]
    assert sorted(set(untested) - set(TESTED_ELSEWHERE)) == []


def test_exceptions_are_still_needed() -> None:
    for source, test in TESTED_ELSEWHERE.items():
        assert (ROOT / source).is_file(), f"{source} is gone"
        assert (ROOT / test).is_file(), f"{test}, which is said to cover {source}, is gone"
        assert not expected_tests(Path(source)), f"{source} has a test of its own now"


def test_tests_are_no_packages() -> None:
    assert sorted((ROOT / "tests").rglob("__init__.py")) == []


def test_every_package_says_what_it_is() -> None:
    folders = {path.parent for path in package_files() if path.parent != Path()}
    silent = [
        str(folder)
        for folder in sorted(folders)
        if not (ROOT / folder / "__init__.py").is_file()
        or not (ROOT / folder / "__init__.py").read_text(encoding="utf-8").startswith('"""')
    ]
    assert silent == []


def test_nothing_depends_on_the_authors_machine() -> None:
    outside = re.compile(r"(?<![\w.~-])(" + "|".join(OUTSIDE) + ")")
    texts = [path for path in tracked_files() if path.suffix in TEXT_SUFFIXES]
    hits = [str(path) for path in texts if outside.search((ROOT / path).read_text(encoding="utf-8"))]
    assert hits == []


def test_nothing_is_left_to_be_done() -> None:
    marks = re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + r"X|HA" + r"CK)\b")
    hits = [
        f"{path}:{number}"
        for path in (*source_files(), *(path for path in tracked_files() if path.parts[0] == "tests"))
        if path.suffix == ".py"
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), start=1)
        if marks.search(line)
    ]
    assert hits == []


def test_no_large_file_is_kept() -> None:
    sizes = {str(path): (ROOT / path).stat().st_size for path in tracked_files()}
    assert {name: size for name, size in sizes.items() if size > 1_000_000} == {}


def test_what_begins_first_is_there() -> None:
    assert [name for name in (*FIRST, *WAITING) if not (ROOT / name).exists()] == []
