"""A table goes from one installation to another, and stands there for its own device."""

from pathlib import Path

import pytest

from api.devices import list_tables, show_table
from api.tables import export_table, import_table
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.errors import ArtifactError, HwnasError, MeasurementError, UsageError
from tests.api.handmade import lookup_table, saved_table

BOARD = "A small board"


@pytest.fixture
def lab(tmp_path: Path) -> Settings:
    """An installation with the table of another device, as if it were its own."""
    settings = Settings(home=tmp_path / "lab")
    saved_table(settings.home, lookup_table(cpu_model=BOARD))
    return settings


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """An installation with nothing measured."""
    return Settings(home=tmp_path / "here")


@pytest.fixture
def file(lab: Settings, tmp_path: Path) -> Path:
    """The exported table."""
    path = tmp_path / "board.json"
    export_table(lab, list_tables(lab).tables[0].name, path, "Ann")
    return path


def test_it_arrives_with_its_corrections_and_its_provenance(here: Settings, file: Path) -> None:
    imported = import_table(here, file)
    (line,) = list_tables(here).tables
    assert (line.name, line.imported, line.this_machine) == (imported.name, True, False)
    assert (line.num_layers, line.num_spaces) == (len(lookup_table().entries), 1)
    shown = show_table(here, line.name)
    assert BOARD in shown.device_label
    assert shown.imported == imported.provenance
    assert shown.imported.exported_by == "Ann"
    assert shown.imported.tool.startswith("hwnas ")
    assert [one.id for one in shown.imported.sessions] == ["first", "second"]
    assert shown.calibrations[0].num_networks == 5
    with pytest.raises(UsageError) as caught:
        show_table(here, None)
    assert caught.value.code == "no_table", "it is another device's, never this machine's"


def test_importing_twice_is_importing_once(here: Settings, file: Path) -> None:
    assert [import_table(here, file).version for _ in range(2)] == [1, 1]


def test_an_export_overwrites_nothing(lab: Settings, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(UsageError) as caught:
        export_table(lab, list_tables(lab).tables[0].name, file, "")
    assert caught.value.code == "file_exists"
    assert file.read_bytes() == before


@pytest.mark.parametrize("damage", ["edit", "nothing", "no file"])
def test_a_damaged_file_changes_nothing(here: Settings, file: Path, damage: str) -> None:
    if damage == "edit":
        file.write_bytes(file.read_bytes().replace(b"0.012", b"0.002", 1))
    elif damage == "nothing":
        file.write_bytes(b"{}")
    else:
        file.unlink()
    with pytest.raises(HwnasError) as caught:
        import_table(here, file)
    codes = {"edit": "shared_table_damaged", "nothing": "no_shared_table", "no file": "no_such_file"}
    assert caught.value.code == codes[damage]
    assert list_tables(here).tables == ()


def test_this_machine_is_measured_not_imported(here: Settings, lab: Settings, tmp_path: Path) -> None:
    saved_table(lab.home, lookup_table())
    export_table(lab, None, tmp_path / "own.json", "")
    with pytest.raises(MeasurementError, match="hwnas devices profile") as caught:
        import_table(here, tmp_path / "own.json")
    assert caught.value.code == "table_of_this_machine"
    assert list_tables(here).tables == ()


def test_what_an_installation_measured_itself_is_kept(lab: Settings, file: Path) -> None:
    with opened_stores(lab) as stores:
        (key,) = stores.tables.published()
        before = stores.tables.load(key.device, key.context)
    with pytest.raises(ArtifactError) as caught:
        import_table(lab, file)
    assert caught.value.code == "table_exists"
    with opened_stores(lab) as stores:
        assert stores.tables.load(key.device, key.context) == before
    assert not list_tables(lab).tables[0].imported
