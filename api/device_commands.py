"""Commands that set devices side by side and care for boards.

Like `api.commands`, they import what they need when called.
"""

from pathlib import Path
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


def devices_bundle(
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="Of the board; it need not be known yet.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Archive to write; it must not be there.")
    ],
) -> BaseModel:
    """Write all that a board has to measure into an archive, for a board without a network.

    `hwnas agent --bundle FILE --out RESULT.json` works on it there, `hwnas devices import` takes the answer.
    A board that was never heard of introduces itself by its first answer.

    Example:
      hwnas devices bundle pi5 -o pi5.zip
    """
    from api.bundles import make_bundle
    from nas.settings import Settings

    return make_bundle(Settings(), name, out)


def devices_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `hwnas agent --bundle` wrote.")],
) -> BaseModel:
    """Take what a board without a network has measured; each result once, held against what was asked.

    Example:
      hwnas devices import result.json
    """
    from api.bundles import import_answer
    from nas.settings import Settings

    return import_answer(Settings(), file)


def devices_add(
    where: Annotated[str, typer.Argument(metavar="USER@HOST", help="As `ssh` takes it.")],
    name: Annotated[
        str, typer.Option(help="What specifications call the board; the host's name if not given.")
    ] = "",
    service: Annotated[
        str,
        typer.Option(
            metavar="URL", help="The service, as this machine reaches it; that of `hwnas serve` if not given."
        ),
    ] = "",
    package: Annotated[
        str,
        typer.Option(help="What pip installs there if hwnas is not there; this very version if not given."),
    ] = "",
) -> BaseModel:
    """Run an agent on a board over SSH, until Ctrl-C: the service is reached through the same connection.

    Nothing has to be open but SSH. Where the board has no hwnas, it is installed in ~/hwnas there.

    Examples:
      hwnas devices add pi@raspberrypi.local --name pi5
      hwnas devices add root@10.0.0.7 --service https://192.168.1.20:8265
    """
    from api.ssh_boards import add_board
    from nas.settings import Settings

    return add_board(Settings(), where, name, service, package)
