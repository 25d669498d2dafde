"""Rows of checkpoints, in the caller's transaction."""

from sqlalchemy import Connection, delete, select

from nas.store.model_tables import checkpoints


def forget_checkpoints(connection: Connection, supernet_id: str, keep: int) -> set[str]:
    """Delete all but the newest checkpoints; return what of theirs no other checkpoint names."""
    own = select(checkpoints).where(checkpoints.c.supernet_id == supernet_id)
    old = connection.execute(own.order_by(checkpoints.c.epoch.desc()).offset(keep)).all()
    if not old:
        return set()
    connection.execute(
        delete(checkpoints).where(
            checkpoints.c.supernet_id == supernet_id, checkpoints.c.epoch <= max(row.epoch for row in old)
        )
    )
    named = connection.execute(select(checkpoints.c.artifacts)).scalars().all()
    kept = {digest for artifacts in named for digest in artifacts.values()}
    return {digest for row in old for digest in row.artifacts.values()} - kept
