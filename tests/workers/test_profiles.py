"""Profiling completes this machine's table and says how good it is."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from latency_predictors.device import host_context, host_device
from nas.settings import Settings
from search_spaces.errors import UsageError
from tests.api.handmade import lookup_table, saved_table
from workers.profiles import profile_host


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_what_is_there_already_is_not_measured_again(settings: Settings) -> None:
    name = f"{host_device().digest[:12]}-{host_context().digest[:12]}"
    path = saved_table(settings.home, lookup_table(), name)
    before = path.read_bytes()
    profiled = profile_host(settings, "mobilenet_v3", "tiny", num_classes=10, in_channels=1)
    assert (profiled.table.num_layers, profiled.table.num_measured_now) == (142, 0)
    assert path.read_bytes() == before
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(profiled)
    # The table was calibrated on networks that run just as long as the sum of their layers.
    text = console.export_text()
    assert "a median error of 0" in text
    assert "142 layers of the space are in the table, 0 measured now" in text


@pytest.mark.parametrize(
    ("name", "preset", "code"),
    [("vgg", None, "unknown_space"), ("mobilenet_v3", "huge", "unknown_preset")],
)
def test_what_does_not_exist_is_refused(settings: Settings, name: str, preset: str | None, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        profile_host(settings, name, preset, num_classes=10, in_channels=1)
    assert caught.value.code == code
