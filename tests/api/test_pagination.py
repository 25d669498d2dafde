import pytest

from api.pagination import opened, sealed
from search_spaces.errors import UsageError


@pytest.mark.parametrize("position", ["", "1700000000000.digits-1", "ä/+=?"])
def test_a_position_comes_back(position: str) -> None:
    cursor = sealed(position)
    assert cursor is not None
    assert cursor.isascii()
    assert "=" not in cursor
    assert opened(cursor) == position


def test_no_page_has_no_cursor() -> None:
    assert (sealed(None), opened(None)) == (None, None)


@pytest.mark.parametrize("cursor", ["a", "$$$$", "é", "_w", sealed("a\0b")])
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(UsageError) as caught:
        opened(cursor)
    assert caught.value.code == "invalid_cursor"
