"""The command line of a benchmark: which sections run, how much of each, how figures are shown."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.figures import Figure, append, show

Section = Callable[[Path, bool], list[Figure]]
"""Takes a folder for its work and whether to be quick."""


def run_sections(name: str, description: str | None, sections: Mapping[str, Section]) -> int:
    """Run the sections that the command line asks for; return the exit status.

    Args:
        name: Of the benchmark's module in this package.
        description: Its help.
        sections: By name, in the order in which they run; those with a colon in it, a part of another each,
            only where they are named.
    """
    whole = [one for one in sections if ":" not in one]
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    names = f"of {', '.join(sections)}"
    parser.add_argument("--only", nargs="+", choices=sections, default=whole, metavar="SECTION", help=names)
    parser.add_argument("--quick", action="store_true", help="less of everything; targets are not meant")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--check", action="store_true", help="exit status 1 where a target is missed")
    parser.add_argument(
        "--home", type=Path, help="folder for the work of the sections, kept; a temporary one if not given"
    )
    parser.add_argument("--log", type=Path, help="file that figures are appended to as they come")
    options = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="hwnas-bench-") as temporary:
        home = options.home or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        for section in options.only:
            print(f"section {section} ...", file=sys.stderr, flush=True)
            started = time.perf_counter()
            found = sections[section](home, options.quick)
            print(
                f"section {section} took {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True
            )
            figures += found
            if options.log:
                append(options.log, found)
    show(figures, as_json=options.json)
    return 1 if options.check and not all(figure.reached for figure in figures) else 0
