"""What people see of an answer."""

import io

from rich.console import Console


def drawn(answer: object) -> str:
    """Return an answer as it is drawn where there is room."""
    console = Console(width=400, file=io.StringIO(), record=True)
    console.print(answer)
    return console.export_text()
