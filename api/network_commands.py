"""Commands on single networks; like `api.commands`, they import what they need when called."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel


class Format(StrEnum):
    """File formats that can be delivered."""

    ONNX = "onnx"


def subnets_show(
    subnet: Annotated[
        str,
        typer.Argument(
            metavar="SUBNET",
            help="SEARCH.NETWORK, for example latest.net-3f9a1c: a search (identifier, its start, or "
            "`latest`) and a name from its front. Without --server a name that is unique is enough.",
        ),
    ],
    target: Annotated[
        int | None,
        typer.Option(min=1, help="As which target has verified it, counted from 1; the first if not given."),
    ] = None,
) -> BaseModel:
    """Show a verified network: its layers, what it costs, how accurate it is, where it comes from.

    Examples:
      hwnas subnets show net-3f9a1c
      hwnas subnets show latest.net-3f9a1c --target 2
      hwnas subnets show digits-1f3a9c2e.net-3f9a1c --json
    """
    from api.subnets import show_subnet
    from nas.settings import Settings

    return show_subnet(Settings(), subnet, target)


def export(
    search: Annotated[
        str,
        typer.Argument(
            metavar="SEARCH|NETWORK",
            help="A search (identifier, its start, or `latest`), the name of a network, or SEARCH.NETWORK.",
        ),
    ],
    best: Annotated[bool, typer.Option("--best", help="The most accurate one within the limits.")] = False,
    fastest: Annotated[bool, typer.Option("--fastest", help="The fastest one within the limits.")] = False,
    name: Annotated[str | None, typer.Option(help="The network of that name.")] = None,
    under: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A limit, for example latency_ms=0.5. May be given again."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|DEVICE",
            help="A target, counted from 1, or all of a device, by its name; needed where a search has "
            "several devices or kinds of latency. Of a network that is named it is the first that has it.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to make, `SEARCH-NETWORK` here if not given; or a file, NAME.onnx."),
    ] = None,
    format: Annotated[Format, typer.Option(help="Format of the file.")] = Format.ONNX,
    precision: Annotated[
        Literal["fp32", "int8"] | None,
        typer.Option(help="fp32 or int8; that of the verified file if not given."),
    ] = None,
) -> BaseModel:
    """Deliver a verified network: the file that was measured and scored, with its card.

    In another precision the file is made first, by a worker: checked, scored and measured like any other.

    Examples:
      hwnas export latest --best --under latency_ms=0.5
      hwnas export latest --best --under latency_ms=0.5 --target 2
      hwnas export latest --best --under latency_ms=20 --target pi5
      hwnas export digits-1f3a9c2e --fastest --out fast
      hwnas export net-3f9a1c
      hwnas export digits-1f3a9c2e.net-3f9a1c --out net.onnx
      hwnas export digits-1f3a9c2e.net-3f9a1c --target 2
      hwnas export latest --best --precision int8
    """
    from api.exports import Request, export_network
    from nas.settings import Settings

    rules = {"best": best, "fastest": fastest}
    chosen = tuple(rule for rule, on in rules.items() if on)
    request = Request(search, chosen, name, tuple(under or ()), target, precision, format)
    return export_network(Settings(), request, out)
