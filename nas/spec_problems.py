"""What is wrong with a specification, in words."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def problems_of(error: ValidationError) -> str:
    """Return every field that is wrong: where it stands, why, and what was given.

    A list is not wrong beside what is wrong in it: it is counted without that, and found too short.
    """
    problems = error.errors(include_url=False, include_input=True)
    around = {problem["loc"][:depth] for problem in problems for depth in range(len(problem["loc"]))}
    found = []
    for problem in problems:
        if problem["loc"] in around:
            continue
        where = ".".join(str(part) for part in problem["loc"]) or "specification"
        given = problem.get("input")
        shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) else ""
        found.append(f"{where}: {_message(problem)}{shown}")
    return "; ".join(found)


def _message(problem: ErrorDetails) -> str:
    """Return what is wrong, in names that users write: what was uploaded goes by `stored` there."""
    if problem["type"] != "union_tag_invalid":
        return problem["msg"]
    # Where `stored` itself is wrong, nothing that is registered can be named.
    instead = "" if problem["ctx"]["tag"] == "stored" else ", 'stored'"
    return problem["msg"].replace(", 'uploaded'", instead)
