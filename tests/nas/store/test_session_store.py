"""Sessions before anything was measured; the rest is in the tests of the queue that delivers them."""

from sqlalchemy import Engine

from nas.store.session_store import DatabaseSessionStore
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.nas.store.measured import SUBJECTS


def test_nothing_was_measured_at_first(engine: Engine) -> None:
    sessions = DatabaseSessionStore(engine)
    assert sessions.sessions(DEVICE.digest, CONTEXT.digest, SUBJECTS) == ()
    assert sessions.sessions(DEVICE.digest, CONTEXT.digest, ()) == ()
    assert sessions.reference_ms(DEVICE.digest, CONTEXT.digest) == {}
