"""What lookup tables are called on the command line."""

from latency_predictors.device import host_device
from nas.store.stores import Stores
from nas.store.table_store import TableKey
from search_spaces.errors import UsageError


def table_name(key: TableKey) -> str:
    """Return what a table is called in lists."""
    return f"{key.device[:12]}-{key.context[:12]}"


def find_table(stores: Stores, name: str | None) -> TableKey:
    """Return which table is meant.

    Args:
        stores: Where tables are.
        name: As `list_tables` has it, or the start of it; None for this machine's.

    Raises:
        UsageError: `no_table`, `unknown_table` or `ambiguous_table`.
    """
    keys = stores.tables.published()
    if name is None:
        own = [key for key in keys if key.device == host_device().digest]
        if not own:
            raise UsageError(
                "no_table", "this machine has not been measured yet: run `hwnas devices profile`"
            )
        return max(own, key=lambda key: key.created_at_ms)
    exact = [key for key in keys if table_name(key) == name]
    found = exact or [key for key in keys if table_name(key).startswith(name)]
    known = ", ".join(table_name(key) for key in found or keys) or "none yet"
    if not found:
        raise UsageError("unknown_table", f"no table '{name}'; tables are {known}")
    if len(found) > 1:
        raise UsageError("ambiguous_table", f"'{name}' may be any of {known}: write more of it")
    return found[0]
