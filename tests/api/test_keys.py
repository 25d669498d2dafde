import pytest

from api.keys import KeyText, read_key


def test_a_key_is_read_as_it_was_written() -> None:
    key = KeyText("0123456789abcdef", "s3cret")
    assert str(key).startswith("hwnas_0123456789abcdef_s3cret_")
    assert read_key(str(key)) == key


def test_what_stands_in_a_log_is_no_secret() -> None:
    assert "s3cret" not in repr(KeyText("0123456789abcdef", "s3cret"))


@pytest.mark.parametrize(
    "text",
    [
        *["", "hwnas", "hwnas_a_b_00000000", "other_a_b_c", "hwnas_a_b_c_d", "é" * 40],
        *(str(KeyText(name, "s3cret")) for name in ("a\0", "a b", "", "a%")),
    ],
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert read_key(text) is None


def test_every_changed_character_is_noticed() -> None:
    text = str(KeyText("0123456789abcdef", "s3cret"))
    for place, letter in enumerate(text):
        assert read_key(text[:place] + ("x" if letter != "x" else "y") + text[place + 1 :]) is None
