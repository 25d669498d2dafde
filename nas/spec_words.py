"""Parts of specifications that are asked for in words: options of the command line."""

from pydantic import ValidationError

from nas.spec_problems import problems_of
from nas.specs import ContextSpec, LatencySpec
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


def parse_latency(statistic: str, pause_ms: float | None) -> LatencySpec:
    """Check what is meant by latency; None for inferences that follow each other.

    Raises:
        UsageError: `invalid_spec`, naming what is wrong and what there is.
    """
    mode = "back_to_back" if pause_ms is None else "paced"
    try:
        return LatencySpec.model_validate({"statistic": statistic, "mode": mode, "pause_ms": pause_ms})
    except ValidationError as error:
        raise UsageError("invalid_spec", f"there is no such latency: {problems_of(error)}") from error


def latency_part(latency: LatencySpec) -> str:
    """Return what a target says where it means a latency: `latency: {statistic: p95}`."""
    given = latency.model_dump(exclude_defaults=True)
    return f"latency: {{{', '.join(f'{name}: {value}' for name, value in given.items())}}}"
