"""Stored sessions as versions before this one have left them."""

from sqlalchemy import select, update

from nas.store.measurement_tables import sessions
from nas.store.session import writing
from tests.nas.pipeline.small_search import Home


def forget_waiting(home: Home) -> None:
    """Have no session of a home tell whether other work was waited out, as before that was done."""
    with writing(home.stores.engine) as connection:
        for row in connection.execute(select(sessions.c.id, sessions.c.content)).all():
            timing = {name: value for name, value in row.content["timing"].items() if name != "undisturbed"}
            content = {**row.content, "timing": timing}
            connection.execute(update(sessions).where(sessions.c.id == row.id).values(content=content))
