"""Writes the bundle of one verified network of a search."""

from pathlib import Path

from nas.export.bundle import write_bundle
from nas.export.card import Card
from nas.results import SupernetSummary, TargetResult, VerifiedNetwork
from nas.store.run_folder import RunFolder


def deliver(
    run: RunFolder,
    network: VerifiedNetwork,
    target: TargetResult,
    folder: Path,
    *,
    why: str,
    supernet: SupernetSummary,
    versions: dict[str, str],
) -> Path:
    """Write a network's bundle from the file that was scored and measured; return the folder.

    Args:
        run: The search.
        network: One of the networks it verified.
        target: Where it was measured.
        folder: Where the bundle is to stand.
        why: Why it was chosen, in words.
        supernet: Where its weights come from.
        versions: Of what computed the figures.

    Raises:
        ArtifactError: `wrong_file` or `damaged_file`.
        UsageError: `folder_in_use`.
        ResourceError: `disk_full`.
    """
    card = Card(
        network=network,
        target=target,
        search_id=run.id,
        dataset_name=run.spec().dataset.name,
        why=why,
        test_uses=1 if network.test_accuracy else 0,
        supernet=supernet if network.origin == "search" else None,
        versions=versions,
    )
    write_bundle(folder, run.network_path(network.file_sha256), card)
    return folder
