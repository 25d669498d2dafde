"""Commands on searches: list and show them, draw their fronts, cancel one, have one go on.

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
    from api.fronts import show_front
    from nas.settings import Settings

    return show_front(Settings(), search, target)


def searches_cancel(search: Search) -> BaseModel:
    """Cancel a search that has not ended; what it trained and measured is kept for others.

    Example:
      hwnas searches cancel latest
    """
    from api.searches import cancel_search
    from nas.settings import Settings

    return cancel_search(Settings(), search)


def searches_resume(search: Search = "latest") -> BaseModel:
    """Have a parked search go on where it was, once what it failed at is mended.

    Example:
      hwnas searches resume latest
    """
    from api.searches import resume_search
    from nas.settings import Settings

    return resume_search(Settings(), search)
