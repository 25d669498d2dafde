import subprocess
import sys
from pathlib import Path

from alembic.script import ScriptDirectory

from nas.store.schema import newest_version, open_database
from nas.store.upgrading import MIGRATIONS, configuration

SECOND = """
import sys
from nas.store.schema import open_database
open_database(sys.argv[1]).dispose()
assert "alembic" not in sys.modules
"""


def test_versions_are_those_of_alembic() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_current_head() == newest_version()
    files = sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("r*.py"))
    assert files == sorted(script.revision for script in scripts.walk_revisions())


def test_alembic_is_not_loaded_for_a_schema_that_is_the_newest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    open_database(url).dispose()
    subprocess.run([sys.executable, "-c", SECOND, url], check=True)
