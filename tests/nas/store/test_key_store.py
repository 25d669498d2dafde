from sqlalchemy import Engine, text

from nas.store.agent_store import DatabaseAgentStore
from nas.store.audit_log import Actor, DatabaseAuditLog
from nas.store.key_store import DatabaseKeyStore, StoredKey, is_secret
from nas.store.session import reading, writing
from tests.nas.store.boards import told


def opened(keys: DatabaseKeyStore, key_id: str, secret: str) -> StoredKey | None:
    """The key that a secret belongs to, where it is good."""
    found = keys.find([key_id]).get(key_id)
    good = found is not None and found.good and is_secret(secret, found.secret_digest)
    return found.key if found and good else None


def test_a_key_opens_its_tenant_until_it_is_revoked(engine: Engine) -> None:
    keys = DatabaseKeyStore(engine)
    made, secret = keys.create("a", "laptop", ["submit", "read"])
    assert opened(keys, made.id, secret) == made
    assert (made.tenant, made.owner, made.scopes) == ("a", "laptop", ("read", "submit"))
    assert opened(keys, made.id, secret[:-1] + "x") is None
    assert opened(keys, "none", secret) is None
    assert keys.list_all("a") == (made,)
    assert keys.list_all("b") == ()
    keys.revoke("a", made.id)
    assert keys.ids() == set(keys.find([made.id])) == {made.id}
    assert opened(keys, made.id, secret) is None


def test_a_key_that_has_expired_opens_nothing(engine: Engine) -> None:
    keys = DatabaseKeyStore(engine)
    made, secret = keys.create("a", "laptop", ["read"], lifetime_ms=3_600_000)
    assert opened(keys, made.id, secret) is not None
    with writing(engine) as connection:
        connection.execute(text("UPDATE keys SET expires_at_ms = 1"))
    assert opened(keys, made.id, secret) is None


def test_many_keys_are_asked_for_at_once(engine: Engine) -> None:
    keys = DatabaseKeyStore(engine)
    made = [keys.create("a", f"board {n}", ["device"])[0].id for n in range(3)]
    keys.revoke("a", made[1])
    assert keys.good_among([*made, *(f"{n:016x}" for n in range(1_000))]) == {made[0], made[2]}
    assert keys.good_among([]) == frozenset()


def test_keys_of_boards_that_have_yet_to_register_are_told_by_name(engine: Engine) -> None:
    keys = DatabaseKeyStore(engine)
    keys.create("a", "pi5", ["device"])
    keys.create("a", "laptop", ["read", "submit"])
    keys.create("b", "pi7", ["device"])
    lab, _ = keys.create("a", "lab", ["device"])
    ended, _ = keys.create("a", "pi6", ["device"])
    keys.revoke("a", ended.id)
    assert keys.of_new_boards("a") == {"pi5", "lab"}
    DatabaseAgentStore(engine).register("a", Actor("ann", lab.id), told("pi8"))
    assert keys.of_new_boards("a") == {"pi5"}


def test_a_secret_is_not_kept(engine: Engine) -> None:
    _, secret = DatabaseKeyStore(engine).create("a", "laptop", ["read"])
    with reading(engine) as connection:
        kept = str(connection.execute(text("SELECT * FROM keys")).all())
    assert secret not in kept


def test_making_and_ending_a_key_is_noted_once(engine: Engine) -> None:
    keys = DatabaseKeyStore(engine)
    made, _ = keys.create("a", "laptop", ["read"])
    assert keys.is_good(made.id)
    for _ in range(2):
        keys.revoke("a", made.id)
    assert not keys.is_good(made.id)
    noted = DatabaseAuditLog(engine).last("a")
    assert [(one.owner, one.action, one.subject) for one in noted] == [
        ("operator", "key.revoke", made.id),
        ("operator", "key.create", made.id),
    ]
