"""The cluster of docker-compose.yml hangs together: what it names exists, and nobody outside can reach it.

No engine is needed to see that; `tests/e2e/test_compose.py` runs its commands as plain processes.
"""

import re
import tomllib
from typing import Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from nas.settings import Settings
from tests.rules.sources import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SECRETS = {"HWNAS_DATABASE_PASSWORD", "HWNAS_ARTIFACT_PASSWORD", "HWNAS_RAY_TOKEN"}
Duration = Field(pattern=r"^[0-9]+(s|m)$")


class Part(BaseModel):
    """Of a compose file: what the specification knows and this file uses, and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Healthcheck(Part):
    test: list[str] = Field(min_length=2)
    interval: str = Duration
    timeout: str = Duration
    retries: int
    start_period: str = Field(default="0s", pattern=r"^[0-9]+(s|m)$")


class Dependency(Part):
    condition: Literal["service_healthy", "service_completed_successfully"]


class Service(Part):
    image: str = Field(pattern=r"^[a-z0-9./-]+:[a-z0-9.-]+$")
    build: str = ""
    command: list[str] = []
    init: bool = False
    restart: Literal["unless-stopped", "no"]
    networks: list[str]
    environment: dict[str, str]
    volumes: list[str] = []
    shm_size: str = Field(default="64m", pattern=r"^[0-9]+m$")
    stop_grace_period: str = Field(default="10s", pattern=r"^[0-9]+s$")
    depends_on: dict[str, Dependency] = {}
    healthcheck: Healthcheck | None = None


class Network(Part):
    internal: bool


class Volume(Part):
    pass


class Compose(BaseModel):
    """The whole file, without the fields that only its own anchors use."""

    model_config = ConfigDict(extra="ignore")

    name: str
    services: dict[str, Service]
    networks: dict[str, Network]
    volumes: dict[str, Volume]


@pytest.fixture(scope="module")
def compose() -> Compose:
    document: dict[str, Any] = yaml.safe_load(TEXT)
    own = {"name", "services", "networks", "volumes"}
    assert {key for key in document if not key.startswith("x-")} == own
    return Compose.model_validate({key: document[key] for key in own})


def test_it_has_what_a_cluster_needs(compose: Compose) -> None:
    assert set(compose.services) == {"database", "artifacts", "schema", "ray-head", "ray-node", "worker"}


def test_nothing_is_published_and_nothing_reaches_out(compose: Compose) -> None:
    # A service has no field `ports` here, so none publishes any; their only network leads nowhere.
    assert {tuple(service.networks) for service in compose.services.values()} == {("inside",)}
    assert compose.networks == {"inside": Network(internal=True)}


def test_everything_that_is_named_is_there(compose: Compose) -> None:
    mounted = [volume.split(":")[0] for one in compose.services.values() for volume in one.volumes]
    named = {source for source in mounted if not source.startswith(("$", ".", "/"))}
    assert named == set(compose.volumes)
    for service in compose.services.values():
        assert set(service.depends_on) <= set(compose.services)


def test_whatever_stays_tells_whether_it_is_well(compose: Compose) -> None:
    for name, service in compose.services.items():
        assert (service.healthcheck is None) == (service.restart == "no"), name
        for other, dependency in service.depends_on.items():
            ends = compose.services[other].restart == "no"
            assert (dependency.condition == "service_completed_successfully") == ends, (name, other)


def test_other_images_have_versions(compose: Compose) -> None:
    own = {name for name, service in compose.services.items() if service.image == "hwnas:local"}
    assert own == {"schema", "ray-head", "ray-node", "worker"}
    for name, service in compose.services.items():
        assert (service.build == ".") == (name in own)
        assert not service.image.endswith(":latest")


def test_secrets_come_from_the_environment_and_are_asked_for() -> None:
    asked = dict(re.findall(r"\$\{([A-Z_]+)(:[?-])", TEXT))
    assert asked == {**dict.fromkeys(SECRETS, ":?"), "HWNAS_DATA": ":-"}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert dict(re.findall(r"^([A-Z_]+)=(.*)$", example, re.MULTILINE)) == {
        **dict.fromkeys(SECRETS, ""),
        "HWNAS_DATA": "./data",
    }


def test_settings_are_those_of_this_version(compose: Compose) -> None:
    known = {f"HWNAS_{name.upper()}" for name in Settings.model_fields}
    for service in compose.services.values():
        assert {name for name in service.environment if name.startswith("HWNAS_")} <= known
    assert compose.services["worker"].environment == compose.services["ray-node"].environment


def test_the_image_holds_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]:
        assert re.search(rf"^COPY .*\b{re.escape(path)}\b", DOCKERFILE, re.MULTILINE), path
    (extras,) = re.findall(r'"\.\[([a-z0-9,]+)\]"', DOCKERFILE)
    assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"])


def test_volumes_are_laid_over_folders_that_the_user_of_the_image_owns(compose: Compose) -> None:
    (user,) = re.findall(r"useradd --uid (\d+)", DOCKERFILE)
    (folders,) = re.findall(
        r"install --directory --owner=hwnas --group=hwnas (.*)$", DOCKERFILE, re.MULTILINE
    )
    assert folders.split() == ["/var/lib/hwnas", f"/tmp/hwnas-leases-{user}"]
    assert "ENV HWNAS_HOME=/var/lib/hwnas\n" in DOCKERFILE
    written = [volume for volume in compose.services["worker"].volumes if not volume.endswith(":ro")]
    assert {volume.split(":")[1] for volume in written} == set(folders.split())
