"""Targets of a search as text: of the specification as it was stored, which may be of an earlier version."""

from collections.abc import Mapping
from typing import Any

from latency_predictors.latency_metric import PLAIN, LatencyMetric
from nas.report.words import COST_NAMES, counted, limit_text


def targets_of(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the targets of a stored specification."""
    found = spec.get("targets")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def target_text(target: Mapping[str, Any]) -> str:
    """Return a target in one line: `host · onnxruntime, fp32, 1 thread`."""
    context = target.get("context", {})
    how = [str(context[name]) for name in ("runtime", "precision") if name in context]
    if "threads" in context:
        how.append(counted(context["threads"], "thread"))
    if context.get("batch", 1) != 1:
        how.append(f"batch {context['batch']}")
    latency = target.get("latency", {})
    metric = LatencyMetric(latency.get("statistic", "median"), latency.get("pause_ms") or 0.0)
    if metric != PLAIN:
        how.append(metric.label)
    return " · ".join(part for part in (str(target.get("device", "?")), ", ".join(how)) if part)


def limit_texts(target: Mapping[str, Any]) -> list[str]:
    """Return the limits of a target: `latency ≤ 1 ms`."""
    limits = target.get("limits", {})
    return [
        f"{COST_NAMES.get(name, name)} ≤ {limit_text(name, value) if name in COST_NAMES else value}"
        for name, value in limits.items()
    ]


def limits_of(target: Mapping[str, Any]) -> dict[str, float]:
    """Return the limits of a target, by cost."""
    return {str(name): float(value) for name, value in target.get("limits", {}).items()}
