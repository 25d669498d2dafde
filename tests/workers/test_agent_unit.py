"""The systemd unit of the examples lets the agent do what it does, and the how-to makes what it names."""

import os
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

STRICT = """
set -e
mount --make-rprivate /
for place in /tmp /var/tmp; do mount --bind $place $place; mount -o remount,ro,bind $place; done
for place in $WRITABLE; do mount --bind $place $place; mount -o remount,rw,bind $place; done
mount -o remount,ro,bind /
cd /
"$PYTHON" -c 'import hwnas; hwnas.main()' agent --home $STATE --bundle $STATE/none.zip --out $STATE/none.json
"""
"""What `ProtectSystem=strict` makes of the system: nothing can be written to, but what the unit names."""


@pytest.fixture
def unit(repository: Path) -> dict[str, str]:
    """What the unit says of its service."""
    read = ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment, method-assign]  # systemd tells letters apart
    read.read_string((repository / "examples/hwnas-agent.service").read_text(encoding="utf-8"))
    return dict(read["Service"])


def test_the_agent_starts_with_nothing_to_write_to_but_what_the_unit_names(
    unit: dict[str, str], tmp_path: Path, repository: Path
) -> None:
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody have mounts of their own")
    assert (unit["ProtectSystem"], unit["StateDirectory"]) == ("strict", "hwnas-agent")

    def said(*writable: str) -> str:
        environment = {
            name: value for name, value in os.environ.items() if name not in ("TMPDIR", "TMP", "TEMP")
        }
        environment |= {"STATE": str(tmp_path), "PYTHON": sys.executable, "PYTHONPATH": str(repository)}
        environment |= {"WRITABLE": " ".join((*writable, str(tmp_path))), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [*namespace, "sh", "-c", STRICT]
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True).stderr

    assert "error[no_such_file]" in said(*unit["ReadWritePaths"].split()), "it came as far as its bundle"
    assert "error[not_writable]" in said(), "the locks of a device that is measured stand in /tmp"


def test_what_the_unit_starts_is_what_the_how_to_installs(unit: dict[str, str], repository: Path) -> None:
    program, *words = unit["ExecStart"].split()
    environment = program.removesuffix("/bin/hwnas")
    how_to = (repository / "docs/how-to/devices-agent.md").read_text(encoding="utf-8")
    assert unit["ProtectHome"] == "true"
    assert not environment.startswith(("/home", "/root", "/run/user")), "it could not be seen"
    for line in (
        f"sudo python3 -m venv {environment}\n",
        f"sudo {environment}/bin/pip install hwnas\n",
        f"sudo -u {unit['User']} {' '.join([program, *words])} --pair ",
        f"-o {unit['User']} /var/lib/{unit['StateDirectory']}\n",
    ):
        assert line in how_to
