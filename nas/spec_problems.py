"""What is wrong with a specification, in words."""

from pydantic import ValidationError


def problems_of(error: ValidationError) -> str:
    """Return every field that is wrong: where it stands, why, and what was given."""
    found = []
    for problem in error.errors(include_url=False, include_input=True):
        where = ".".join(str(part) for part in problem["loc"]) or "specification"
        given = problem.get("input")
        shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) else ""
        found.append(f"{where}: {problem['msg']}{shown}")
    return "; ".join(found)
