"""One layer of a lookup table: what its sessions found, or why there is nothing to find."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Literal

from latency_predictors.protocol import WireModel
from latency_predictors.spread import combine
from latency_predictors.trust import State, counting, state_of


class SessionValue(WireModel):
    """One layer in one session, on one unit of the device."""

    session_id: str
    measured_at: str
    median_ms: float
    suspect: bool
    unit: str = ""


class Unsupported(WireModel):
    """Why a runtime cannot run a layer.

    Attributes:
        code: Of the error.
        message: For people.
    """

    code: str
    message: str


EntryKind = Literal["measured", "fitted"]


class Entry(WireModel):
    """One layer.

    Attributes:
        signature: What the key is the SHA-256 of.
        values: One a session; none where nothing was measured.
        median_ms: Median over the sessions, or what was fitted.
        rel_sd: Spread between sessions, or how far a fitted or stale value may be off, as a share.
        kind: How the value was obtained: `fitted` from other entries (see `filling`).
        origin: Digest of the context that its sessions ran in, where that is another version of the runtime.
        checked: Whether what another version measured was found to hold in this one (see `renewal`).
        unsupported: Why the runtime cannot run it. Its value is fitted then: sums stay finite, and nothing is
            decided by it, since no network with such a layer is searched.
    """

    signature: str
    values: tuple[SessionValue, ...]
    median_ms: float
    rel_sd: float
    kind: EntryKind = "measured"
    origin: str = ""
    checked: bool = True
    unsupported: Unsupported | None = None

    @property
    def num_sessions(self) -> int:
        """Sessions behind the value."""
        return len(self.values)

    @property
    def num_own(self) -> int:
        """Those of them that ran in the table's own context."""
        return 0 if self.origin else self.num_sessions

    @property
    def stale(self) -> bool:
        """Whether another version of the runtime measured it, and nobody has checked that it still holds."""
        return not self.checked

    @property
    def holds(self) -> bool:
        """Whether it was measured, and not with another version that may differ."""
        return self.kind == "measured" and not self.stale

    @property
    def is_open(self) -> bool:
        """Whether it has to be measured: it does not hold, and nobody has found that it cannot be run."""
        return not self.holds and self.unsupported is None

    @property
    def state(self) -> State:
        """How far the value can be trusted today."""
        return self.state_at(datetime.now(UTC))

    def is_due(self, now: datetime) -> bool:
        """Return whether a further session would tell more.

        What is in doubt (suspect, unconfirmed) is due at once, a provisional or stale entry on a later day, a
        settled one never. What holds of another version is due where it is in doubt or stale: no further
        session joins its own.
        """
        if not self.holds:
            return False
        state = self.state_at(now)
        if state in ("suspect", "unconfirmed"):
            return True
        if self.origin:
            return state == "stale"
        days = [
            datetime.fromisoformat(value.measured_at).date() for value in self.values if value.measured_at
        ]
        return state != "settled" and max(days, default=now.date()) < now.date()

    def state_at(self, now: datetime) -> State:
        """Return how far the value can be trusted at some time; see `latency_predictors.trust`."""
        if self.unsupported:
            return "unsupported"
        if self.stale:
            return "stale"
        medians = [value.median_ms for value in self.values]
        suspect = [value.suspect for value in self.values]
        return state_of(medians, suspect, [value.measured_at for value in self.values], now)


def together(values: Sequence[SessionValue]) -> dict[str, float]:
    """Return the value that sessions make together, and its spread."""
    medians = [value.median_ms for value in values]
    counts = counting(medians, [value.suspect for value in values])
    median_ms, rel_sd = combine([one for one, count in zip(medians, counts, strict=True) if count])
    return {"median_ms": median_ms, "rel_sd": rel_sd}


def doubted(entry: Entry, session_ids: Collection[str]) -> Entry:
    """Return an entry with what some sessions found as suspect, made of what counts then.

    Where all of it is suspect the value stays: none is better.
    """
    marks = [{"suspect": one.suspect or one.session_id in session_ids} for one in entry.values]
    values = tuple(one.model_copy(update=mark) for one, mark in zip(entry.values, marks, strict=True))
    if all(one.suspect for one in values):
        return entry.model_copy(update={"values": values})
    return made_of(entry, values)


def made_of(entry: Entry, values: Sequence[SessionValue]) -> Entry:
    """Return an entry with the value that sessions make.

    What another version of the runtime measured may be off by no less than it was said to be.
    """
    found = together(values)
    if entry.origin:
        found["rel_sd"] = max(found["rel_sd"], entry.rel_sd)
    return entry.model_copy(update={"values": tuple(values), **found})
