"""Tables go by the start of their names; none at all means this machine's."""

from pathlib import Path

import pytest

from api.table_names import find_table, table_name
from latency_predictors.device import host_device
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.errors import UsageError
from tests.api.handmade import lookup_table, saved_table


def test_this_machines_table_is_meant_where_none_is_named(tmp_path: Path) -> None:
    saved_table(tmp_path, lookup_table(cpu_model="Another CPU"))
    with opened_stores(Settings(home=tmp_path)) as stores:
        with pytest.raises(UsageError) as caught:
            find_table(stores, None)
        assert caught.value.code == "no_table"
        other = find_table(stores, table_name(stores.tables.published()[0])[:8])
        assert other.device == lookup_table(cpu_model="Another CPU").device.digest
    saved_table(tmp_path, lookup_table())
    with opened_stores(Settings(home=tmp_path)) as stores:
        assert find_table(stores, None).device == host_device().digest
