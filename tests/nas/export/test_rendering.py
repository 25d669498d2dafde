import pytest
from jinja2 import UndefinedError

from nas.export.rendering import markdown, render


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 12.5 %: a-b/c", "plain words, 12.5 %: a-b/c"),
        ("a|b", r"a\|b"),
        ("<b>", r"\<b\>"),
        ("two\nlines", r"two\\nlines"),
        ("\x1b[0m", r"\\x1b\[0m"),
        ("日本", "日本"),
    ],
)
def test_markdown_shows_any_text_as_it_is(text: str, shown: str) -> None:
    assert markdown(text) == shown


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("README.md.j2")
