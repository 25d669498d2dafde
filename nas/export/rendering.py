"""The texts of a bundle: templates, and names as Markdown and Python take them whatever they hold."""

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

# What begins a link, an entity, a formula, emphasis, code or a cell anywhere in a line; what only matters at
# its beginning (lists, rules) never stands there.
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#|~&!$])")


def render(template: str, **values: Any) -> str:
    """Return a template filled in; a value that is missing is an error.

    Nothing is escaped by itself: `| markdown` and `| python` are for what comes from outside.
    """
    environment = Environment(
        loader=PackageLoader("nas.export"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["markdown"] = markdown
    environment.filters["python"] = ascii
    return environment.get_template(template).render(values)


def markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line, control characters made visible."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return _MARKUP.sub(r"\\\1", shown)
