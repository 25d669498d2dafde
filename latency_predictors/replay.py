"""Published latencies served in the place of a device: through the same port as measurements, and told apart.

A trace says what somebody measured of which networks, on which device and how. `replay` answers for it as a
measuring session would, so that predictors, queues and benchmarks run from end to end without the device
(the table-backed simulator of Syne Tune, Salinas et al. 2022, is the model). Nothing is timed here: a
published figure is one value without a spread, and the session is marked `published`. A trace of the very
machine that asks is refused, so that no published figure passes for one that was measured here.

A trace is a JSON file, or is made of a lookup table that somebody has exported.
"""

import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from latency_predictors.bounds import beyond_site
from latency_predictors.device import Device, ExecutionContext, host_device
from latency_predictors.json_faults import fault_in, parsed_json, problem, short
from latency_predictors.latency_metric import PLAIN
from latency_predictors.measure import Summary, TimingProtocol
from latency_predictors.plausible import zoned_s
from latency_predictors.protocol import SessionResult, SubjectResult, WireModel
from latency_predictors.shared_table import SharedTable, unpacked
from latency_predictors.wire_types import Digest, Milliseconds
from search_spaces.errors import ArtifactError, MeasurementError, UsageError
from search_spaces.readable import readable

FORMAT: Final = "hwnas-trace"


class Trace(WireModel):
    """Latencies of one device and context that somebody has published.

    Attributes:
        format: Tells such files from others.
        version: Of the format.
        source: Who published it, and where; with the version.
        licence: Under which it may be used.
        device: What is told of it.
        context: What is told of how networks ran.
        published_at: ISO 8601, as exactly as it is known.
        latency_ms: Median by the digest of what was measured.
    """

    format: Literal["hwnas-trace"] = FORMAT
    version: Literal[1] = 1
    source: Annotated[str, Field(min_length=1)]
    licence: str
    device: Device
    context: ExecutionContext
    published_at: str
    latency_ms: Annotated[dict[Digest, Milliseconds], Field(min_length=1)]

    @classmethod
    def load(cls, path: Path) -> "Trace":
        """Read a trace, or an exported table as one.

        Args:
            path: JSON: the fields of a trace, or what `hwnas tables export` wrote.

        Raises:
            UsageError: `no_such_file` or `not_readable`.
            ArtifactError: `no_trace` where it is neither, or holds no latency; `no_shared_table` or
                `shared_table_damaged` where it is a table that is not what was exported.
        """
        content = _content(path)
        try:
            document = parsed_json(content)
        except ValueError as error:
            raise _no_trace(path.name, f"it is no JSON: {type(error).__name__}") from error
        if isinstance(document, dict) and "shared" in document:
            return cls.of(unpacked(content, path.name), path.name)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise _no_trace(path.name, f'it does not say `"format": "{FORMAT}"`')
        if fault := fault_in(document):
            raise _no_trace(path.name, fault)
        return _checked(document, path.name)

    @classmethod
    def of(cls, shared: SharedTable, name: str = "the table") -> "Trace":
        """Return what an exported table says: of each layer that was measured, and of whole networks.

        Networks are those that its corrections rest on, by the digest of the architecture, as far as plain
        medians were measured of them and none is suspect.

        Args:
            shared: The table.
            name: Of its file, for messages.

        Raises:
            ArtifactError: `no_trace` where nothing in it was measured.
        """
        table, told = shared.table, shared.provenance
        layers = {key: entry.median_ms for key, entry in table.entries.items() if entry.holds}
        plain = [one for one in table.corrections.values() if one.metric == PLAIN]
        points = [point for one in plain for point in one.points if not point.suspect]
        by = f" by {told.exported_by}" if told.exported_by else ""
        document = {
            "source": f"lookup table, exported {told.exported_at[:10]}{by} with {told.tool}",
            "licence": "not told",
            "device": table.device,
            "context": table.context,
            "published_at": told.exported_at,
            "latency_ms": layers | {point.digest: point.measured_ms for point in points},
        }
        return _checked(document, name)


def _content(path: Path) -> bytes:
    """Return what stands in a file.

    Raises:
        UsageError: `no_such_file` or `not_readable`.
    """
    try:
        with readable(path):
            return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageError(
            "no_such_file", f"there is no file {path}: give a trace, or what `hwnas tables export` wrote"
        ) from error


def _checked(document: Mapping[str, Any], name: str) -> Trace:
    try:
        trace = Trace.model_validate(document)
    except ValidationError as error:
        raise _no_trace(name, problem(error)) from error
    if fault := next(beyond_site("", trace.device, trace.context), ""):
        raise _no_trace(name, short(fault))
    return trace


def _no_trace(name: str, reason: str) -> ArtifactError:
    return ArtifactError(
        "no_trace",
        f"{name} holds no latencies that can be served ({reason[:300]}): give a trace, as "
        "docs/how-to/share-tables.md describes it, or what `hwnas tables export` wrote",
    )


def check_elsewhere(trace: Trace) -> None:
    """Refuse a trace of this machine.

    Raises:
        MeasurementError: `replay_of_this_machine`.
    """
    if trace.device.digest == host_device().digest:
        raise MeasurementError(
            "replay_of_this_machine",
            f"the trace is of this very machine ({trace.device.label}): measure instead of replaying",
        )


def replay(trace: Trace, subjects: Collection[str], timing: TimingProtocol) -> SessionResult:
    """Answer for a device with what was published of some subjects, as one session.

    Args:
        trace: What was published.
        subjects: Digests of layers or networks.
        timing: The protocol that was asked for; a queue keeps results by it. It timed nothing.

    Raises:
        MeasurementError: `not_published` where nothing is known of a subject: it would count as nothing; also
            where more than a median is asked for; `replay_of_this_machine` where the trace is of the machine
            that asks.
    """
    check_elsewhere(trace)
    if timing.energy or timing.of_tails or timing.min_duration_s >= timing.ceiling_s:
        raise MeasurementError(
            "not_published",
            f"'{trace.source}' has medians, no energies, percentiles or runs at a stretch: ask for medians",
        )
    unknown = [digest for digest in subjects if digest not in trace.latency_ms]
    if unknown:
        raise MeasurementError(
            "not_published",
            f"{len(unknown)} of {len(subjects)} subjects are not in '{trace.source}', the first is "
            f"{unknown[0]}: ask for what it holds",
        )
    return SessionResult(
        session_id=uuid.uuid4().hex,
        started_at=trace.published_at if zoned_s(trace.published_at) is not None else "",
        device=trace.device,
        context=trace.context,
        timing=timing,
        cpus=(),
        results=tuple(_result(digest, trace.latency_ms[digest]) for digest in subjects),
        readings=(),
        reference_ms={},
        provenance="published",
    )


def _result(digest: str, latency_ms: float) -> SubjectResult:
    """Return a published value: one figure, whose spread nobody knows (hence `wide`)."""
    summary = Summary(
        median_ms=latency_ms,
        low_ms=latency_ms,
        high_ms=latency_ms,
        mean_ms=latency_ms,
        std_ms=0.0,
        p10_ms=latency_ms,
        p90_ms=latency_ms,
        p99_ms=latency_ms,
        min_ms=latency_ms,
        num_blocks=1,
        runs_per_block=1,
        wide=True,
    )
    return SubjectResult(digest=digest, summary=summary, scale=1.0, suspect=False, num_repeats=0)
