"""Commands on single networks; like `api.commands`, they import what they need when called."""

from typing import Annotated

import typer
from pydantic import BaseModel


def subnets_show(
    subnet: Annotated[
        str,
        typer.Argument(metavar="SUBNET", help="SEARCH.NETWORK, for example digits-1f3a9c2e.net-3f9a1c."),
    ],
) -> BaseModel:
    """Show a verified network: its layers, what it costs, how accurate it is, where it comes from.

    Examples:
      hwnas subnets show digits-1f3a9c2e.net-3f9a1c
      hwnas subnets show digits-1f3a9c2e.net-3f9a1c --json
    """
    from api.subnets import show_subnet
    from nas.settings import Settings

    return show_subnet(Settings(), subnet)
