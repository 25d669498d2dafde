"""One verified network, as people read it."""

from typing import Self

from rich.console import Group, RenderableType
from rich.table import Table

from api.resources.subnets import SubnetResource, subnet_resource
from api.searches import unbroken
from nas.report.words import accuracy_text, board_text, cost_text, latency_text
from nas.settings import Settings
from nas.store.network_names import named_subnet
from nas.store.stores import opened_stores


class DrawnSubnet(SubnetResource):
    """A network that people can read."""

    @classmethod
    def of(cls, found: SubnetResource) -> Self:
        """Return a network so that it can be drawn."""
        return cls.model_validate(found.model_dump())

    def __rich__(self) -> RenderableType:
        """Say what it is, then draw its layers."""
        network, lineage = self.network, self.lineage
        trained = f", trained on for {lineage.finetune_epochs} epochs" if lineage.finetune_epochs else ""
        origin = f"supernet {lineage.supernet}{trained}" if lineage.supernet else "a stock network"
        memory = cost_text("peak_memory_bytes", network.peak_memory_bytes)
        lines = [
            f"{self.name} of {self.space}/{self.preset}, {network.status}",
            f"accuracy  {accuracy_text(network.accuracy)} on {network.accuracy.num_images:,} images",
            *(() if network.board is None else (f"on board  {board_text(network.board)}",)),
            f"latency   {latency_text(network.latency)} on {self.device} · {self.context}",
            f"size      {network.num_params:,} parameters, {network.num_macs:,} MACs, {memory}",
            f"file      {network.file_sha256}",
            f"from      {origin}, search {lineage.search}",
            "",
        ]
        table = Table("layer", "kind", "output", "MACs", "parameters", box=None)
        for layer in self.layers:
            shape = " x ".join(str(side) for side in layer.out_shape)
            table.add_row(layer.slot, layer.kind, shape, f"{layer.num_macs:,}", f"{layer.num_params:,}")
        return Group(unbroken(lines), table)


def show_subnet(settings: Settings, subnet: str, target: int | None = None) -> DrawnSubnet:
    """Return one network, as a target (counted from 1) has verified it; the first that has if not given.

    Raises:
        UsageError: As `named_subnet`.
    """
    with opened_stores(settings) as stores:
        return DrawnSubnet.of(subnet_resource(named_subnet(stores, settings.tenant, subnet, target), ""))
