"""Parts of specifications that are asked for in words: options of the command line."""

from pydantic import ValidationError

from nas.spec_problems import problems_of
from nas.specs import ContextSpec
from search_spaces.errors import UsageError


def parse_context(
    runtime: str | None, threads: int | None, batch: int | None, precision: str | None
) -> ContextSpec:
    """Check a context; what is None was not asked for: it is as usual, and not among the fields that are set.

    Raises:
        UsageError: `invalid_spec`, naming what is wrong and what there is.
    """
    words = {"runtime": runtime, "precision": precision, "threads": threads, "batch": batch}
    try:
        return ContextSpec.model_validate({name: one for name, one in words.items() if one is not None})
    except ValidationError as error:
        raise UsageError("invalid_spec", f"there is no such context: {problems_of(error)}") from error
