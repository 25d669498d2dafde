"""Lookup tables: measured costs of layers for one device and context, kept in one file.

A table also keeps what is derived from it: for each search space the correction that whole networks gave.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError

from latency_predictors.correction import Correction
from latency_predictors.device import Device, ExecutionContext
from latency_predictors.drift import against
from latency_predictors.probes import RuntimeGraph
from latency_predictors.protocol import SessionResult, WireModel
from latency_predictors.table_entry import Entry, SessionValue, Unsupported, doubted, made_of, together
from latency_predictors.trust import State
from search_spaces.atomic import write_atomically
from search_spaces.base import FloatArray
from search_spaces.digests import canonical_json
from search_spaces.errors import ArtifactError, MeasurementError
from search_spaces.layers import LayerSpec


def layer_key(spec: LayerSpec) -> str:
    """Return what a layer is stored under: the SHA-256 of its signature."""
    return hashlib.sha256(spec.signature().encode()).hexdigest()


def share_key(spec: LayerSpec) -> str:
    """Return what a layer is called in corrections: enough of its key to tell layers of a table apart."""
    return layer_key(spec)[:16]


class LookupTable(WireModel):
    """Measured costs of layers for one (device, context). Values; every change makes a new table.

    Attributes:
        version: Of this format.
        device: Where.
        context: How; another runtime version is another context, hence another table.
        reference_ms: Medians of the anchors that count as scale 1, for every later session.
        entries: By `layer_key`.
        corrections: By the digest of the search space and what is meant by latency
            (`LatencyMetric.correction_key`).
        graph: What probes found out of the graphs that the runtime runs; None where it was not probed.
    """

    version: Literal[1] = 1
    device: Device
    context: ExecutionContext
    reference_ms: dict[str, float] = Field(default_factory=dict)
    entries: dict[str, Entry] = Field(default_factory=dict)
    corrections: dict[str, Correction] = Field(default_factory=dict)
    graph: RuntimeGraph | None = None

    @property
    def known_graph(self) -> RuntimeGraph | None:
        """What the runtime runs in this context; None where it was not probed, or in another precision."""
        return self.graph if self.graph and self.graph.precision == self.context.precision else None

    def missing(self, layers: Iterable[LayerSpec]) -> list[LayerSpec]:
        """Return the layers without an entry that holds, each once, in order: they have to be measured.

        Those that the runtime cannot run are not among them: there is nothing to measure.
        """
        wanted = {layer_key(spec): spec for spec in layers}
        return [spec for key, spec in wanted.items() if key not in self.entries or self.entries[key].is_open]

    def untried(self, layers: Iterable[LayerSpec]) -> list[LayerSpec]:
        """Return the layers that have not run in this context so far, nor been found not to, in order."""
        known = {spec: self.entries.get(layer_key(spec)) for spec in layers}
        return [
            spec for spec, entry in known.items() if not entry or not (entry.num_own or entry.unsupported)
        ]

    def unsupported(self, layers: Iterable[LayerSpec]) -> dict[LayerSpec, Unsupported]:
        """Return the layers that the runtime cannot run, with why."""
        known = {spec: self.entries.get(layer_key(spec)) for spec in layers}
        return {spec: entry.unsupported for spec, entry in known.items() if entry and entry.unsupported}

    def entries_of(self, layers: Sequence[LayerSpec], *, filled: bool = False) -> list[Entry]:
        """Return the entries of layers, one a layer.

        Args:
            layers: In any order, also more than once.
            filled: Whether entries that are fitted or stale do too.

        Raises:
            MeasurementError: `missing_layers` where one has no entry: it would count as nothing.
        """
        absent = [one for one in self.missing(layers) if not filled or layer_key(one) not in self.entries]
        if absent:
            raise MeasurementError(
                "missing_layers",
                f"{len(absent)} layers are not in the table of {self.device.cpu_model} "
                f"({self.context.label}), the first is {absent[0].signature()}: profile the device",
            )
        return [self.entries[layer_key(spec)] for spec in layers]

    def costs_ms(self, layers: Sequence[LayerSpec], *, filled: bool = False) -> FloatArray:
        """Return the entries' medians, one a layer; arguments and errors as for `entries_of`."""
        return np.array([entry.median_ms for entry in self.entries_of(layers, filled=filled)])

    def merged(self, layers: Sequence[LayerSpec], sessions: Sequence[SessionResult]) -> "LookupTable":
        """Return the table with what sessions measured of layers; results under other digests are left out.

        Raises:
            MeasurementError: `context_mismatch` where a session ran elsewhere or otherwise;
                `published_values` where it was replayed: entries are measured.
        """
        specs = {layer_key(spec): spec for spec in layers}
        found: dict[str, list[SessionValue]] = {key: [] for key in specs}
        reference = self.reference_ms or (sessions[-1].reference_ms if sessions else {})
        for session in sessions:
            self._check_same(session)
            for result in against(session, reference).results:
                if result.digest in specs:
                    found[result.digest].append(
                        SessionValue(
                            session_id=session.session_id,
                            measured_at=session.started_at,
                            median_ms=result.median_ms,
                            suspect=result.suspect or session.conditions.disturbed,
                            unit=session.unit,
                        )
                    )
        entries = {key: self._entry(key, specs[key], values) for key, values in found.items() if values}
        return self.model_copy(update={"entries": {**self.entries, **entries}, "reference_ms": reference})

    def doubting(self, session_ids: Collection[str]) -> "LookupTable":
        """Return the table with what some sessions found as suspect."""
        touched = {key: doubted(entry, session_ids) for key, entry in self._of(session_ids).items()}
        return self.model_copy(update={"entries": {**self.entries, **touched}})

    def without_sessions(self, session_ids: Collection[str]) -> "LookupTable":
        """Return the table without what some sessions found; where nothing is left, without all they gave.

        What another version of the runtime has measured was held against these sessions: it goes with them.
        """
        touched, entries = self._of(session_ids), dict(self.entries)
        for key, entry in touched.items():
            left = tuple(one for one in entry.values if one.session_id not in session_ids)
            if left:
                entries[key] = made_of(entry, left)
            else:
                del entries[key]
        update: dict[str, object] = {"entries": entries}
        own = {key: entry for key, entry in entries.items() if not entry.origin}
        took_own = any(not entry.origin for entry in touched.values())
        if took_own and not any(entry.values for entry in own.values()):
            update = {"entries": own, "reference_ms": {}, "corrections": {}}
        return self.model_copy(update=update)

    def with_correction(self, key: str, correction: Correction) -> "LookupTable":
        """Return the table with a correction, under what `LatencyMetric.correction_key` says."""
        return self.model_copy(update={"corrections": {**self.corrections, key: correction}})

    def due(self, layers: Iterable[LayerSpec], now: datetime) -> list[LayerSpec]:
        """Return the layers with an entry that a further session would tell more of, in order."""
        return [spec for spec in layers if (entry := self.entries.get(layer_key(spec))) and entry.is_due(now)]

    @property
    def states(self) -> dict[State, int]:
        """How many entries are in which state today, the most first."""
        return dict(Counter(entry.state for entry in self.entries.values()).most_common())

    def states_of(self, layers: Iterable[LayerSpec]) -> dict[State, int]:
        """Return the same of some layers, each counted once; those without an entry are in no state."""
        keys = {layer_key(spec) for spec in layers}
        known = (entry for key, entry in self.entries.items() if key in keys)
        return dict(Counter(entry.state for entry in known).most_common())

    @property
    def median_rel_sd(self) -> float:
        """Median over the entries of the spread between sessions, as a share."""
        return float(np.median([entry.rel_sd for entry in self.entries.values()])) if self.entries else 0.0

    @property
    def session_ids(self) -> tuple[str, ...]:
        """All sessions behind the entries, oldest first."""
        values = (value for entry in self.entries.values() for value in entry.values)
        return tuple(dict.fromkeys(v.session_id for v in sorted(values, key=lambda v: v.measured_at)))

    def save(self, path: Path) -> None:
        """Write the table as canonical JSON with its SHA-256; the file is there whole or not at all.

        Raises:
            ResourceError: `disk_full`.
        """
        table = self.model_dump(mode="json")
        digest = hashlib.sha256(canonical_json(table).encode()).hexdigest()
        write_atomically(path, canonical_json({"sha256": digest, "table": table}).encode())

    @classmethod
    def load(cls, path: Path) -> "LookupTable":
        """Read a table.

        Raises:
            ArtifactError: `damaged_table` where the file is not what was written.
        """
        try:
            document = json.loads(path.read_bytes())
            digest = hashlib.sha256(canonical_json(document["table"]).encode()).hexdigest()
            if digest != document["sha256"]:
                raise ValueError("its content does not match its SHA-256")
            return cls.model_validate(document["table"])
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise ArtifactError(
                "damaged_table", f"the table {path.name} is damaged: remove it and profile the device again"
            ) from error

    def _entry(self, key: str, spec: LayerSpec, values: Sequence[SessionValue]) -> Entry:
        there = self.entries.get(key)
        # Sessions of another context do not mix with those of this one.
        before = there.values if there is not None and not there.origin else ()
        every = {value.session_id: value for value in (*before, *values)}
        values = tuple(every.values())
        return Entry.model_validate({"signature": spec.signature(), "values": values, **together(values)})

    def _of(self, session_ids: Collection[str]) -> dict[str, Entry]:
        """Return the entries that some sessions have a part in."""
        return {
            key: entry
            for key, entry in self.entries.items()
            if any(value.session_id in session_ids for value in entry.values)
        }

    def _check_same(self, session: SessionResult) -> None:
        if session.provenance != "measured":
            raise MeasurementError(
                "published_values",
                f"a session of {session.device.label} was replayed from published figures, which are no "
                "measurements: import the table that they come from, or measure",
            )
        if (session.device, session.context) != (self.device, self.context):
            raise MeasurementError(
                "context_mismatch",
                f"a session on {session.device.label} ({session.context.label}) does not belong into the "
                f"table of {self.device.label} ({self.context.label})",
            )
