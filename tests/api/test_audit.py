from pathlib import Path

from sqlalchemy import text

from api.audit import check_log, list_changes
from nas.store.session import writing
from tests.api.served import DIGITS, served
from tests.api.test_searches import drawn


def test_changes_are_told_and_a_forged_one_is_found(tmp_path: Path) -> None:
    with served(tmp_path) as api:
        settings = api.app.state.service.settings
        assert "yet" in drawn(list_changes(settings.model_copy(update={"tenant": "another"}), 10))
        location = api.post("/v1/searches", DIGITS).headers["location"]
        api.post(f"{location}/cancel")
        job = location.rpartition("/")[2]
        *found, key = list_changes(settings, 10).changes
        assert (key.action, key.owner) == ("key.create", "operator")
        assert [(one.action, one.subject) for one in found] == [
            ("search.cancel", job),
            ("search.submit", job),
        ]
        assert found[0].request
        assert job in drawn(list_changes(settings, 1))
        whole = check_log(settings, "")
        assert (whole.num_changes, whole.failed) == (3, False)
        assert whole.last_digest in drawn(whole)
        assert check_log(settings, whole.last_digest).has_kept
        other = check_log(settings, "0" * 64)
        assert (other.broken_at, other.failed) == (None, True)
        assert "cut off" in drawn(other)
        with writing(api.stores.engine) as connection:
            connection.execute(text("UPDATE audit SET owner = 'somebody' WHERE action = 'search.submit'"))
        forged = check_log(settings, "")
        assert (forged.num_changes, forged.broken_at, forged.failed) == (1, 2, True)
        assert "row 2 is not what it was" in drawn(forged)
