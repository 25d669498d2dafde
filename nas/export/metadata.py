"""What an exported network says about itself: the properties inside the file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Self

from search_spaces.base import (
    Architecture,
    Option,
    SearchSpace,
    architecture_digest,
    option_values,
    space_digest,
)
from search_spaces.errors import ArtifactError
from search_spaces.network import resolution

INPUT_NAME: Final = "image"
OUTPUT_NAME: Final = "logits"

QUANTISER_VERSION: Final = "3"
"""Goes up when an equal file gives another int8 file."""


@dataclass(frozen=True)
class ExportMetadata:
    """Facts that travel inside the file.

    Attributes:
        class_names: The name of output 0, 1, ...
        resolution: Side in pixels of the images the network takes.
        space: Name of the search space.
        space_digest: Its SHA-256.
        architecture_digest: SHA-256 of the architecture.
        options: Option of every choice, by name; empty for a network that no space describes.
        dataset_digest: SHA-256 of the data set it was trained on.
        resize_rule: Name of the rule by which images get their size (`nas.data.decode`).
        hwnas_version: What exported it.
        precision: Arithmetic of the file.
        ranges_from: What the ranges of an int8 file's activations were taken over, in words.
    """

    class_names: tuple[str, ...]
    resolution: int
    space: str
    space_digest: str
    architecture_digest: str
    options: Mapping[str, Option]
    dataset_digest: str
    resize_rule: str
    hwnas_version: str
    precision: str = "fp32"
    ranges_from: str = ""

    def properties(self) -> dict[str, str]:
        """Return the properties as ONNX files hold them: everything is text, lists and objects are JSON."""
        return {
            "architecture_digest": self.architecture_digest,
            "class_names": json.dumps(self.class_names),
            "dataset_digest": self.dataset_digest,
            "hwnas_version": self.hwnas_version,
            "options": json.dumps(dict(self.options)),
            "resize_rule": self.resize_rule,
            "resolution": str(self.resolution),
            "space": self.space,
            "space_digest": self.space_digest,
            **self._of_precision(),
        }

    def _of_precision(self) -> dict[str, str]:
        # An fp32 file does not say so: it never did.
        if self.precision == "fp32":
            return {}
        return {"precision": self.precision, "ranges_from": self.ranges_from}

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> Self:
        """Read the properties back.

        Raises:
            ArtifactError: `missing_metadata` where the file was not written by this exporter.
        """
        try:
            values: dict[str, Any] = {"precision": "fp32", "ranges_from": "", **properties}
            values["class_names"] = tuple(str(name) for name in json.loads(properties["class_names"]))
            values["options"] = dict(json.loads(properties["options"]))
            values["resolution"] = int(properties["resolution"])
            return cls(**{name: values[name] for name in cls.__dataclass_fields__})
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                "missing_metadata",
                f"the file's metadata cannot be read ({type(error).__name__}: {error}): "
                "take a file that hwnas exported",
            ) from error


def describe(
    space: SearchSpace,
    architecture: Architecture,
    *,
    class_names: tuple[str, ...],
    dataset_digest: str,
    resize_rule: str,
) -> ExportMetadata:
    """Return the metadata of one architecture of a space, exported by this version.

    Args:
        space: The search space.
        architecture: In canonical form.
        class_names: The name of output 0, 1, ...
        dataset_digest: `Dataset.digest`.
        resize_rule: `nas.data.decode.RESIZE_RULE`.
    """
    return ExportMetadata(
        class_names=class_names,
        resolution=resolution(space, architecture),
        space=space.name,
        space_digest=space_digest(space),
        architecture_digest=architecture_digest(space, architecture),
        options=option_values(space, architecture),
        dataset_digest=dataset_digest,
        resize_rule=resize_rule,
        hwnas_version=hwnas_version(),
    )


def hwnas_version() -> str:
    """Return the installed version of this product, `unknown` where it runs from loose files."""
    try:
        return version("hwnas")
    except PackageNotFoundError:
        return "unknown"
