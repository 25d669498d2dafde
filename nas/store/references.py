"""Which artifacts the database names in columns: what has to be in the store for it to be whole.

Documents and artifacts name more, all of which can be made again.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Column, Connection, or_, select

from nas.measurement_tasks import CHECK_RANK
from nas.store.columns import exactly
from nas.store.measurement_tables import lookup_tables, measurement_tasks
from nas.store.model_tables import checkpoints, datasets, exports, supernets
from nas.store.tables import job_artifacts
from nas.store.waiting import PENDING

_COLUMNS: Final[tuple[Column[Any], ...]] = (
    supernets.c.weights,
    exports.c.file,
    job_artifacts.c.digest,
    lookup_tables.c.artifact,
)


def named_artifacts(connection: Connection) -> tuple[str, ...]:
    """Return the digests, each once; those that a job in training may remove meanwhile come first.

    Args:
        connection: Of a database with the newest schema.
    """
    return tuple(dict.fromkeys(digest for digest in _named(connection) if digest))


def _named(connection: Connection) -> Iterator[str]:
    for artifacts in connection.execute(select(checkpoints.c.artifacts)).scalars():
        yield from artifacts.values()
    for summary in connection.execute(select(supernets.c.summary)).scalars():
        yield summary.get("manifest", "")
    for spec in connection.execute(select(datasets.c.spec)).scalars():
        yield spec.get("file", "")
    for column in _COLUMNS:
        yield from connection.execute(select(column)).scalars()
    # Golden subjects are measured again and again, for jobs that ended long ago too.
    wanted = or_(exactly(measurement_tasks.c.state, PENDING), measurement_tasks.c.rank == CHECK_RANK)
    query = select(measurement_tasks.c.artifact).where(wanted)
    yield from connection.execute(query).scalars()
