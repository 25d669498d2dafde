"""Files that hold a specification, read as they are: what is in them is looked at elsewhere."""

from pathlib import Path
from typing import Any

import yaml

from search_spaces.errors import UsageError
from search_spaces.readable import readable


def read_document(path: Path) -> dict[str, Any]:
    """Read a YAML or JSON file that holds a mapping.

    Raises:
        UsageError: `no_such_file`, `not_readable`, `invalid_yaml` or `invalid_spec`.
    """
    try:
        with readable(path):
            if not path.is_file():
                raise UsageError(
                    "no_such_file", f"there is no file {path}: give the path of a specification (YAML)"
                )
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
    # A date that is none and bytes that are no text are ValueErrors; endless brackets a RecursionError.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UsageError("invalid_yaml", f"{path} is not YAML: {reason}") from error
    if not isinstance(document, dict):
        raise UsageError(
            "invalid_spec", f"{path} holds no specification: it starts with 'dataset:', for example"
        )
    return document


def load_document(path: Path) -> dict[str, Any]:
    """Read the same; a relative path of a data set is taken from the folder of the file.

    Raises:
        UsageError: As `read_document`; `invalid_spec` for what is no path.
    """
    document = read_document(path)
    dataset = document.get("dataset")
    if isinstance(dataset, dict) and isinstance(dataset.get("path"), str):
        try:
            where = (path.parent / Path(dataset["path"]).expanduser()).resolve()
        # Of a NUL character; of a user that is not known, and of links that lead to each other.
        except (ValueError, RuntimeError) as error:
            raise UsageError(
                "invalid_spec", f"the specification is wrong: dataset.path: {error} (got {dataset['path']!r})"
            ) from error
        return {**document, "dataset": {**dataset, "path": str(where)}}
    return document
