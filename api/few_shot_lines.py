"""Models of few whole networks, as they are listed: of which device and space, and how good they are."""

from collections.abc import Sequence

from rich.text import Text

from api.searches import unbroken
from latency_predictors.agent_protocol import HOST
from latency_predictors.device import host_device
from latency_predictors.few_shot import FewShotReport
from nas.report.few_shot_words import few_shot_sentence
from nas.results import Document
from nas.store.few_shot_models import KnownFewShot, known_few_shots
from nas.store.measurement_rows import CONTEXT
from nas.store.stores import Stores


class FewShotLine(Document):
    """The newest model of a device, a context and a space.

    Attributes:
        name: `host`, or what specifications call the board; empty where it is neither of these by now.
        device: SHA-256 of the device's facts.
        label: Its hardware; the start of the digest where its facts cannot be read.
        context: In words.
        space: Name and preset; the start of the digest where they are not known.
        space_digest: Of the space with its images.
        num_classes: Of the images; 0 where they are not known, as
        in_channels: theirs.
        report: How good it is, and of how many networks it is made.
        created_at: UTC, ISO 8601.
    """

    name: str
    device: str
    label: str
    context: str
    space: str
    space_digest: str
    num_classes: int
    in_channels: int
    report: FewShotReport
    created_at: str

    @property
    def lines(self) -> tuple[str, str]:
        """What it is for, and how far it can be trusted."""
        images = f", {self.num_classes} classes, channels {self.in_channels}" if self.num_classes else ""
        return f"{self.context} · {self.space}{images}", few_shot_sentence(self.report)


def few_shot_lines(
    stores: Stores, tenant: str, known: Sequence[KnownFewShot] | None = None
) -> tuple[FewShotLine, ...]:
    """Return the models of a tenant's profiles and searches, by device, the newest of each first.

    Args:
        stores: Where they are.
        tenant: Whose.
        known: They themselves, where they have been looked up.
    """
    known = known_few_shots(stores, tenant) if known is None else known
    if not known:
        return ()
    names = {
        agent.device.digest: (agent.name, agent.device.label) for agent in stores.agents.list_all(tenant)
    }
    here = host_device()
    names[here.digest] = (HOST, here.label)
    contexts = {key: CONTEXT.validate_python(facts).label for key, facts in stores.tables.contexts().items()}
    lines = [_line(one, names, contexts) for one in known]
    return tuple(sorted(lines, key=lambda line: (line.name != HOST, line.name, line.device)))


def of_device(lines: Sequence[FewShotLine], device: str) -> tuple[FewShotLine, ...]:
    """Return the models of a device, by its digest."""
    return tuple(line for line in lines if line.device == device)


def drawn_models(lines: Sequence[FewShotLine], *, named: bool = False) -> Text:
    """Return models in words, two lines each; with their devices, where these are to be `named`."""
    shown: list[str] = []
    for line in lines:
        what, trust = line.lines
        device = f"{line.name or line.device[:12]} · " if named else ""
        shown += [f"few-shot  {device}{what}", f"          {trust}"]
    return unbroken(shown)


def _line(known: KnownFewShot, names: dict[str, tuple[str, str]], contexts: dict[str, str]) -> FewShotLine:
    stored, profile = known.stored, known.profile
    gone = known.device.label if known.device else f"device {stored.device[:12]}"
    name, label = names.get(stored.device, ("", gone))
    digest = stored.space_digest
    return FewShotLine(
        name=name,
        device=stored.device,
        label=label,
        context=contexts.get(stored.context, f"context {stored.context[:12]}"),
        space=f"{profile.space.name}/{profile.space.preset}" if profile else f"space {digest[:12]}",
        space_digest=digest,
        num_classes=profile.num_classes if profile else 0,
        in_channels=profile.in_channels if profile else 0,
        report=stored.model.report,
        created_at=stored.model.created_at,
    )
