"""Commands that read: search spaces, devices and past searches; deliveries and predictions.

What a command needs is imported when it is called, so that `hwnas --help` answers at once.
"""

from typing import Annotated

import typer
from pydantic import BaseModel

Search = Annotated[
    str,
    typer.Argument(metavar="SEARCH", help="A search: its identifier, the start of it, or `latest`."),
]
Target = Annotated[int, typer.Option(min=1, help="Which target of the search, counted from 1.")]


def spaces_list() -> BaseModel:
    """List the families of networks that can be searched.

    Example:
      hwnas spaces list
    """
    from api.spaces import list_spaces

    return list_spaces()


def spaces_show(
    name: Annotated[str, typer.Argument(metavar="SPACE", help="Name of the space, as `spaces list` has it.")],
    preset: Annotated[
        str | None, typer.Option(help="Geometry of the space; the first one if not given.")
    ] = None,
    classes: Annotated[int, typer.Option(min=2, help="Classes of the images.")] = 10,
    channels: Annotated[int, typer.Option(min=1, max=4, help="1 for grey images, 3 for colour.")] = 3,
) -> BaseModel:
    """Show a space: its choices with their options, what its networks span.

    Examples:
      hwnas spaces show mobilenet_v3
      hwnas spaces show mobilenet_v3 --preset tiny --classes 10 --channels 1
    """
    from api.spaces import show_space

    return show_space(name, preset, classes, channels)


def searches_list() -> BaseModel:
    """List past searches, the last one last.

    Example:
      hwnas searches list
    """
    from api.searches import list_searches
    from nas.settings import Settings

    return list_searches(Settings())


def searches_show(search: Search = "latest") -> BaseModel:
    """Show a search: its fronts, what it delivered, where its report is, where the time went.

    Examples:
      hwnas searches show
      hwnas searches show digits-1f3a9c2e --json
    """
    from api.searches import show_search
    from nas.settings import Settings

    return show_search(Settings(), search)


def searches_front(search: Search = "latest", target: Target = 1) -> BaseModel:
    """Draw the verified front of a search.

    Examples:
      hwnas searches front
      hwnas searches front digits-1f3a9c2e --target 1 --json
    """
    from api.searches import show_front
    from nas.settings import Settings

    return show_front(Settings(), search, target)
