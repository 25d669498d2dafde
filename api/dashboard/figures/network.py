"""A network as it is deployed, drawn from its layers: left to right, stage by stage.

A block is as tall as its output is large and as wide as it has channels (both by logarithm), and the darker
the more of the network's time it takes. An arc goes over a block that adds its input to its output, and from
the layer whose output another one takes, where that is not the one before.
"""

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from search_spaces.layers import LayerSpec
from search_spaces.network import Node

_GAP, _STAGE_GAP = 13.0, 40.0
_LEFT, _MIDDLE, _BOTTOM = 36.0, 112.0, 232.0
_HEIGHT: Final = 262
_COLORS: Final[dict[str, str]] = {
    "conv_norm_act": "#2f7de1",
    "inverted_residual": "#0b8f74",
    "basic_block": "#0b8f74",
    "shuffle_unit": "#0b8f74",
    "act_conv_norm": "#2f7de1",
    "pooled_head": "#9a5bd2",
}
"""By kind of layer; others are grey. What a block is also stands in the table."""

_NAMES: Final[dict[str, str]] = {
    "conv_norm_act": "convolution",
    "act_conv_norm": "convolution",
    "inverted_residual": "inverted residual",
    "pooled_head": "pooling and classifier",
    "normalize": "normalisation",
    "norm_act": "norm and activation",
}


@dataclass(frozen=True)
class Box:
    """Where a layer is drawn."""

    node: Node
    left: float
    width: float
    height: float

    @property
    def top(self) -> float:
        """Its upper edge: all blocks share a middle line."""
        return _MIDDLE - self.height / 2

    @property
    def center(self) -> float:
        """Its middle, from the left."""
        return self.left + self.width / 2


def stage_of(slot: str) -> str:
    """Return the stage of a slot: `stage2` of `stage2.block1`, the slot itself where it has none."""
    return slot.partition(".")[0]


def layer_text(spec: LayerSpec) -> str:
    """Return what a layer is: `inverted residual 5×5, stride 2, 48 hidden, 12 squeeze`."""
    kind = _NAMES.get(spec.kind, spec.kind.replace("_", " "))
    fields: dict[str, Any] = vars(spec)
    if kernel := fields.get("kernel"):
        kind += f" {kernel}×{kernel}"
    extra = [f"stride {fields['stride']}"] if fields.get("stride", 1) > 1 else []
    extra += [f"{fields[name]} {name}" for name in ("hidden", "squeeze") if fields.get(name)]
    extra += [name for name in ("residual", "projection") if fields.get(name)]
    activation = str(fields.get("activation", "identity")).replace("_", "-")
    return ", ".join([kind, *extra, *([activation] if activation != "identity" else [])])


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape: `24 × 12 × 12`."""
    return " × ".join(f"{side:,}" for side in shape)


def network_svg(nodes: Sequence[Node], shares: Sequence[float | None], label: str) -> Markup:
    """Return the drawing of a network.

    Args:
        nodes: Its layers, in order of execution.
        shares: Of the network's time that each takes, 0 to 1; None where nobody knows.
        label: What it shows, for whoever does not see it.
    """
    boxes = _boxes(nodes)
    width = boxes[-1].left + boxes[-1].width + _LEFT if boxes else 0.0
    most = max((share for share in shares if share is not None), default=0.0) or 1.0
    parts = [*_arcs(boxes)]
    for box, share in zip(boxes, shares, strict=True):
        parts.append(_block(box, share, 0.55 if share is None else 0.25 + 0.75 * share / most))
    parts += _stages(boxes)
    drawing = "".join(parts)
    # Every text in it is escaped here.
    return Markup(
        f'<svg class="network" role="img" aria-label="{html.escape(label)}" width="{width:.0f}" '
        f'height="{_HEIGHT}" viewBox="0 0 {width:.0f} {_HEIGHT}">{drawing}</svg>'
    )


def _boxes(nodes: Sequence[Node]) -> list[Box]:
    boxes: list[Box] = []
    left = _LEFT
    for node in nodes:
        channels, rows, _ = node.spec.out_shape
        if boxes:
            same = stage_of(boxes[-1].node.slot) == stage_of(node.slot)
            left = boxes[-1].left + boxes[-1].width + (_GAP if same else _STAGE_GAP)
        boxes.append(Box(node, left, 20.0 + 8.0 * math.log2(channels), 22.0 + 20.0 * math.log2(max(rows, 1))))
    return boxes


def _block(box: Box, share: float | None, strength: float) -> str:
    spec, color = box.node.spec, _COLORS.get(box.node.spec.kind, "#6b7280")
    told = f"{box.node.slot}: {layer_text(spec)}; {shape_text(spec.in_shape)} to {shape_text(spec.out_shape)}"
    told += "" if share is None else f"; {100 * share:.1f} % of the time"
    kernel, place = vars(spec).get("kernel"), f'x="{box.center:.1f}" y="{_MIDDLE + 4:.1f}"'
    name = f'<text {place} text-anchor="middle" class="kernel">{kernel}</text>' if kernel else ""
    return (
        f"<g><title>{html.escape(told)}</title>"
        f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="4" fill="{color}" fill-opacity="{strength:.2f}" stroke="{color}"/>{name}</g>'
    )


def _arcs(boxes: Sequence[Box]) -> Iterator[str]:
    by_slot = {box.node.slot: box for box in boxes}
    for number, box in enumerate(boxes):
        if getattr(box.node.spec, "residual", False) or box.node.spec.kind == "basic_block":
            yield _arc(box.left - 3, box.left + box.width + 3, box.top)
        before = boxes[number - 1].node.slot if number else ""
        for slot in dict.fromkeys(box.node.inputs):
            source = by_slot.get(slot)
            if source is not None and slot != before:
                yield _arc(source.center, box.center, min(source.top, box.top))
        if number and before in box.node.inputs:
            start = boxes[number - 1].left + boxes[number - 1].width
            yield f'<line class="flow" x1="{start:.1f}" x2="{box.left:.1f}" y1="{_MIDDLE}" y2="{_MIDDLE}"/>'


def _arc(start: float, end: float, top: float) -> str:
    height = max(top - 14.0 - (end - start) / 8, 4.0)
    curve = f"{start:.1f} {height:.1f} {end:.1f} {height:.1f} {end:.1f} {top:.1f}"
    return f'<path class="skip" d="M{start:.1f} {top:.1f}C{curve}"/>'


def _stages(boxes: Sequence[Box]) -> Iterator[str]:
    stages: dict[str, list[Box]] = {}
    for box in boxes:
        stages.setdefault(stage_of(box.node.slot), []).append(box)
    for number, (name, inside) in enumerate(stages.items()):
        left, right = inside[0].left, inside[-1].left + inside[-1].width
        middle = (left + right) / 2
        channels, rows, columns = inside[-1].node.spec.out_shape
        # Names of narrow neighbours would run into each other.
        down, line = _BOTTOM - (16.0 if number % 2 else 0.0), _BOTTOM - 30
        yield f'<line class="brace" x1="{left:.1f}" x2="{right:.1f}" y1="{line}" y2="{line}"/>'
        yield (
            f'<text x="{middle:.1f}" y="{down:.1f}" text-anchor="middle">{html.escape(name)}'
            f"<title>{channels} channels, {rows} × {columns}</title></text>"
        )
    if boxes:
        shape = shape_text(boxes[0].node.spec.in_shape)
        yield f'<text x="4" y="{_HEIGHT - 6}" class="soft">image {shape}</text>'
