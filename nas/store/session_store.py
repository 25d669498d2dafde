"""What was measured, as it was: sessions with their results, never changed."""

from collections.abc import Collection
from typing import final

from sqlalchemy import Engine, select

from latency_predictors.protocol import SessionResult
from nas.store.measurement_rows import CHUNK, reference_ms
from nas.store.measurement_tables import measurements, sessions
from nas.store.session import reading


@final
class DatabaseSessionStore:
    """Measuring sessions in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sessions(self, device: str, context: str, subjects: Collection[str]) -> tuple[SessionResult, ...]:
        """Return what sessions of a device and context found of some subjects, in the order of delivery.

        Args:
            device: Digest of the device.
            context: Digest of the context.
            subjects: Digests; results of others are left out.
        """
        wanted = sorted(subjects)
        contents: dict[int, dict[str, object]] = {}
        results: dict[int, dict[int, object]] = {}
        query = (
            select(sessions.c.number, sessions.c.content, measurements.c.position, measurements.c.result)
            .select_from(sessions)
            .join(measurements)
            .where(sessions.c.device == device, sessions.c.context == context)
        )
        with reading(self._engine) as connection:
            for begin in range(0, len(wanted), CHUNK):
                chunk = measurements.c.subject.in_(wanted[begin : begin + CHUNK])
                for row in connection.execute(query.where(chunk)):
                    contents[row.number] = row.content
                    results.setdefault(row.number, {})[row.position] = row.result
        return tuple(
            SessionResult.model_validate({**contents[number], "results": [found[i] for i in sorted(found)]})
            for number, found in sorted(results.items())
        )

    def reference_ms(self, device: str, context: str) -> dict[str, float]:
        """Return the medians of the anchors that count as scale 1 there; empty before the first session."""
        with reading(self._engine) as connection:
            return reference_ms(connection, device, context)
