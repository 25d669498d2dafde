"""What a client asks of networks, supernets and devices: files, further training, searches, predictions."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from api.client_catalogue import CatalogueClient
from api.connection import at_target, path_of
from api.fetching import fetch
from api.predictions import Predictions
from api.resources.exports import ExportResource
from api.resources.jobs import Accepted
from api.resources.subnets import SubnetResource
from api.routes.devices import Tables
from search_spaces.errors import UsageError


class NetworksClient(CatalogueClient):
    """The part of a client that is about single networks; `api.client.Client` is whole."""

    def subnet(self, subnet_id: str, target: int | None = None) -> SubnetResource:
        """Return a verified network; `front(...).subnets` names them.

        Args:
            subnet_id: Of the network.
            target: Of that front, counted from 1; None for the first one that has verified the network.

        Raises:
            UsageError: `unknown_subnet`, `unknown_target` or `search_not_finished`.
        """
        return self._line.get(at_target(path_of("subnets", subnet_id), target), SubnetResource)

    def export(
        self,
        subnet_id: str,
        precision: str | None = None,
        idempotency_key: str | None = None,
        target: int | None = None,
    ) -> Accepted:
        """Have a file made of a network; wait for the job, then `download_export`.

        Args:
            subnet_id: Of the network.
            precision: `fp32` or `int8`; that of the verified file if not given.
            idempotency_key: As in `submit`.
            target: As in `subnet`: the file is measured on its device.

        Raises:
            UsageError: `unknown_subnet`, `unknown_target` or `search_not_finished`.
        """
        path = at_target(path_of("subnets", subnet_id, "exports"), target)
        return self._made(path, {"precision": precision}, idempotency_key)

    def export_state(self, export_id: str) -> ExportResource:
        """Return an export: how far it is, and what its file is once it is ready.

        Raises:
            UsageError: `unknown_export`.
        """
        return self._line.get(path_of("exports", export_id), ExportResource)

    def download_export(self, export_id: str, out: str | Path, *, bundle: bool = False) -> Path:
        """Fetch the file of an export, checked against its digest.

        Args:
            export_id: Of the export.
            out: The file to write, replaced where it exists; or a folder.
            bundle: The zip with card, measurements and a script that runs it instead.

        Raises:
            UsageError: `unknown_export` or `export_not_ready`.
            ArtifactError: `download_damaged`.
        """
        part, ending = ("bundle", "zip") if bundle else ("file", "onnx")
        return fetch(self._line, path_of("exports", export_id, part), out, f"{export_id}.{ending}")

    def finetune(
        self,
        subnet_id: str,
        epochs: int | None = None,
        idempotency_key: str | None = None,
        target: int | None = None,
    ) -> Accepted:
        """Train a network on, on its own; `links["subnet"]` is what comes of it once the job has succeeded.

        Args:
            subnet_id: Of the network.
            epochs: Passes over the training images; the service's number if not given.
            idempotency_key: As in `submit`.
            target: As in `export`.

        Raises:
            UsageError: `unknown_subnet`, `unknown_target`, `search_not_finished` or `not_a_subnet`.
        """
        sent = {} if epochs is None else {"epochs": epochs}
        path = at_target(path_of("subnets", subnet_id, "finetune"), target)
        return self._made(path, sent, idempotency_key)

    def search_supernet(
        self, supernet_id: str, asked: Mapping[str, Any] | BaseModel, idempotency_key: str | None = None
    ) -> Accepted:
        """Search a supernet for another device, limit or objective: nothing is trained for it.

        Args:
            supernet_id: Of the supernet.
            asked: `targets`, `search`, `verify`, `finetune`, `budget`, `export` and `references`, as in a
                specification.
            idempotency_key: As in `submit`.

        Raises:
            UsageError: `unknown_supernet` or `not_a_supernet`.
        """
        return self._made(path_of("supernets", supernet_id, "searches"), asked, idempotency_key)

    def predict(self, device_id: str, asked: Mapping[str, Any] | BaseModel) -> Predictions:
        """Return predicted costs of architectures on a device; nothing is run.

        Args:
            device_id: Of the device, or the name of a board, or `host` for the machine of the service.
            asked: `space`, `num_classes`, `in_channels`, `context`, `latency`, `fill` and `architectures`.

        Raises:
            UsageError: `unknown_device`, or what is wrong with an architecture; `no_profile`.
        """
        # It may be asked again: nothing is made.
        key = secrets.token_hex(16)
        return self._line.post(
            path_of("devices", device_id, "predictions"), Predictions, content_of(asked), key
        )

    def tables(self, device_id: str) -> Tables:
        """Return everything that was measured of a device.

        Raises:
            UsageError: `unknown_device`.
        """
        return self._line.get(path_of("devices", device_id, "tables"), Tables)

    def _made(self, path: str, asked: Mapping[str, Any] | BaseModel, key: str | None) -> Accepted:
        return self._line.post(path, Accepted, content_of(asked), key or secrets.token_hex(16))


def content_of(document: Mapping[str, Any] | BaseModel) -> bytes:
    """Return a document as it is sent.

    Raises:
        UsageError: `invalid_spec` where it is no JSON.
    """
    plain = document.model_dump(mode="json") if isinstance(document, BaseModel) else dict(document)
    try:
        return json.dumps(plain, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise UsageError("invalid_spec", f"the specification cannot be sent as JSON: {error}") from error
