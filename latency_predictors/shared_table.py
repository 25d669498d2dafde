"""Lookup tables that travel between installations: one file with its provenance and its digest.

The file is canonical JSON: the table with its corrections, which sessions stand behind it, who exported it,
when and with what; and the SHA-256 of all that. A file whose content does not match its digest is refused as
a whole, and so is a table that says what none of ours can (`sound_table`): anybody can work out a digest.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from latency_predictors.bounds import COUNT, beyond
from latency_predictors.device import layer_ranges
from latency_predictors.json_faults import fault_in, parsed_json, problem, short
from latency_predictors.lookup_table import LookupTable
from latency_predictors.plausible import zoned_s
from latency_predictors.protocol import WireModel
from latency_predictors.sound_table import undated, unsound
from search_spaces.digests import canonical_json, sha256_json
from search_spaces.errors import ArtifactError

FORMAT: Final = "hwnas-table"


class SharedSession(WireModel):
    """One measuring session behind a table.

    Attributes:
        id: Unique.
        started_at: UTC, ISO 8601. Of one that measured no layer it is when the newest session of the same
            networks began.
        num_layers: Layers with a value of it.
        num_networks: Whole networks that corrections are fitted on with a value of it; not in the file where
            there is none, nor in earlier exports.
    """

    id: str
    started_at: str
    num_layers: int
    num_networks: Annotated[int, Field(exclude_if=lambda number: not number)] = 0


class Provenance(WireModel):
    """Where a table comes from.

    Attributes:
        device: Label of the device that was measured.
        device_digest: Its identity.
        context: Label of how it ran.
        context_digest: Its identity.
        sessions: What was measured when, oldest first.
        exported_at: UTC, ISO 8601.
        exported_by: Whoever exported it, in their own words; may be empty.
        tool: What exported it, with its version.
        ranges_from: What the ranges of its quantised layers were taken over, in words; empty, and not in the
            file, where they are not quantised, and in earlier exports.
    """

    device: str
    device_digest: str
    context: str
    context_digest: str
    sessions: tuple[SharedSession, ...]
    exported_at: str
    exported_by: str
    tool: str
    ranges_from: Annotated[str, Field(exclude_if=lambda text: not text)] = ""


class SharedTable(WireModel):
    """A table and where it comes from.

    Attributes:
        format: Tells such files from others.
        version: Of the format.
    """

    format: Literal["hwnas-table"] = FORMAT
    version: Literal[1] = 1
    provenance: Provenance
    table: LookupTable


def share(table: LookupTable, *, exported_by: str, tool: str) -> SharedTable:
    """Return a table with its provenance, as of now."""
    provenance = Provenance(
        device=table.device.label,
        device_digest=table.device.digest,
        context=table.context.label,
        context_digest=table.context.digest,
        sessions=_sessions(table),
        exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
        exported_by=exported_by,
        tool=tool,
        ranges_from=layer_ranges(table.context.precision),
    )
    return SharedTable(provenance=provenance, table=table)


def _sessions(table: LookupTable) -> tuple[SharedSession, ...]:
    """Return the sessions behind entries, and those behind the networks of corrections, oldest first."""
    values = [value for entry in table.entries.values() for value in entry.values]
    points = [point for correction in table.corrections.values() for point in correction.points]
    layers = Counter(value.session_id for value in values)
    pairs = {(one, point.digest) for point in points for one in point.session_ids}
    networks = Counter(one for one, _ in pairs)
    found = [(point.measured_at, one) for point in points for one in point.session_ids]
    # The oldest point that names a session is the closest to its beginning.
    starts = {session: at for at, session in sorted(found, reverse=True)}
    starts |= {value.session_id: value.measured_at for value in values}
    return tuple(
        SharedSession(id=session, started_at=at, num_layers=layers[session], num_networks=networks[session])
        for session, at in sorted(starts.items(), key=lambda item: item[1])
    )


def packed(shared: SharedTable) -> bytes:
    """Return the content of the file."""
    content = shared.model_dump(mode="json")
    return canonical_json({"sha256": sha256_json(content), "shared": content}).encode()


def unpacked(content: bytes, name: str) -> SharedTable:
    """Read the content of a file.

    Args:
        content: Of the file.
        name: Of the file, for messages.

    Raises:
        ArtifactError: `no_shared_table` where it is something else, or of another version of this program;
            `shared_table_damaged` where it is not what was exported.
    """
    document = _document(content, name)
    if fault := fault_in(document):
        raise _damaged(name, fault)
    if document["sha256"] != sha256_json(document["shared"]):
        raise _damaged(name, "its content does not match its SHA-256")
    try:
        shared = SharedTable.model_validate(document["shared"])
    except ValidationError as error:
        raise ArtifactError(
            "no_shared_table",
            f"{name} holds a table that this version of hwnas does not know ({problem(error)}): "
            "export it with the same version",
        ) from error
    if fault := next(_faults(shared.provenance, shared.table), "") or unsound(shared.table):
        raise _damaged(name, short(fault))
    return shared


def _document(content: bytes, name: str) -> dict[str, Any]:
    try:
        document = parsed_json(content)
        if document["shared"]["format"] == FORMAT and isinstance(document["sha256"], str):
            return dict(document)
        reason = "it says that it is something else"
    except (ValueError, KeyError, TypeError) as error:
        reason = type(error).__name__
    raise ArtifactError(
        "no_shared_table", f"{name} is no exported table ({reason}): make one with `hwnas tables export`"
    )


def _faults(told: Provenance, table: LookupTable) -> Iterator[str]:
    """Yield what is wrong with what is told of a table."""
    if (told.device_digest, told.context_digest) != (table.device.digest, table.context.digest):
        yield "its provenance names another device or context than its table"
    if zoned_s(told.exported_at) is None:
        yield "provenance.exported_at is no time with a time zone"
    for number, session in enumerate(told.sessions):
        where = f"provenance.sessions.{number}"
        yield from undated(f"{where}.started_at", session.started_at)
        yield from beyond(f"{where}.num_layers", session.num_layers, COUNT)
        yield from beyond(f"{where}.num_networks", session.num_networks, COUNT)


def _damaged(name: str, reason: str) -> ArtifactError:
    return ArtifactError(
        "shared_table_damaged", f"{name} is damaged, {reason}: nothing was imported; get the file again"
    )
