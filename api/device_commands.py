"""Commands that set devices side by side and care for boards.

Like `api.commands`, they import what they need when called.
"""

from typing import Annotated

import typer
from pydantic import BaseModel


def devices_compare(
    first: Annotated[
        str, typer.Argument(metavar="TABLE", help="As `devices list` has it, or the start of it.")
    ],
    second: Annotated[str, typer.Argument(metavar="OTHER", help="Another one, likewise.")],
    space: Annotated[str, typer.Option(help="Whose networks are predicted with both.")] = "mobilenet_v3",
    preset: Annotated[str | None, typer.Option(help="Geometry; the first one if not given.")] = None,
    classes: Annotated[int, typer.Option(min=2, help="Classes of the images.")] = 10,
    channels: Annotated[int, typer.Option(min=1, max=4, help="1 for grey images, 3 for colour.")] = 3,
) -> BaseModel:
    """Compare two lookup tables: common layers, ratios, rank correlations, which layers differ most.

    Examples:
      hwnas devices compare 3f9a1c 8b02de
      hwnas devices compare 3f9a1c 8b02de --preset tiny --classes 10 --channels 1 --json
    """
    from api.comparisons import SpaceWish, compare_tables
    from nas.settings import Settings

    return compare_tables(Settings(), first, second, SpaceWish(space, preset, classes, channels))


def devices_release(
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="Of the board, as `devices list` has it.")],
) -> BaseModel:
    """Give work again to a board that is in quarantine; `devices show` tells why it is.

    Example:
      hwnas devices release pi5
    """
    from api.boards import release_board
    from nas.settings import Settings

    return release_board(Settings(), name)
