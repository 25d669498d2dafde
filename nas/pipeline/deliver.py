"""Writes what a search found into folders: the bundle of a network, the report and what it links to."""

from pathlib import Path

from nas.export.bundle import write_bundle
from nas.export.card import Card
from nas.network_specs import MadeNetwork
from nas.report.page import write_report
from nas.results import SupernetSummary, TargetResult, VerifiedNetwork
from nas.store.job_run import StoredJob
from search_spaces.atomic import write_atomically


def deliver(
    job: StoredJob,
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
        job: The search.
        network: One of the networks it verified.
        target: Where it was measured.
        folder: Where the bundle is to stand.
        why: Why it was chosen, in words.
        supernet: Where its weights come from.
        versions: Of what computed the figures.

    Raises:
        ArtifactError: `wrong_file`, `damaged_file`, `artifact_missing` or `artifact_damaged`.
        UsageError: `folder_in_use`, `search_not_finished`.
        ResourceError: `disk_full`.
    """
    card = Card(
        network=network,
        target=target,
        search_id=job.id,
        dataset_name=job.spec().dataset.name,
        why=why,
        test_uses=job.result().test_uses,
        supernet=supernet if network.origin == "search" else None,
        versions=versions,
    )
    write_bundle(folder, job.network_path(network.file_sha256), card)
    return folder


def deliver_made(search: StoredJob, made: MadeNetwork, folder: Path) -> Path:
    """Write the bundle of a file that a job made of a network of a search, likewise.

    Raises:
        ArtifactError: As `deliver`.
        UsageError: `folder_in_use`.
        ResourceError: `disk_full`.
    """
    return deliver(
        search,
        made.network,
        made.target,
        folder,
        why=made.why,
        supernet=made.supernet,
        versions=made.versions,
    )


def deliver_search(job: StoredJob, folder: Path) -> None:
    """Write the folder of a finished search: report, delivered bundles, every verified file.

    searches/digits-1f3a9c2e/
    ├── networks/        exported files by SHA-256
    ├── exports/         delivered networks, each with its card
    └── report.html

    Args:
        job: The search.
        folder: What stands there is replaced.

    Raises:
        ArtifactError: As `deliver`.
        UsageError: `folder_in_use` where more than a bundle stands in the place of one.
        ResourceError: `disk_full`.
    """
    result = job.result()
    verified = [network for target in result.targets for network in target.networks]
    stock = [network for number in range(len(result.targets)) for network in result.references_at(number)]
    for network in (*verified, *stock):
        content = job.network_path(network.file_sha256).read_bytes()
        write_atomically(folder / "networks" / f"{network.file_sha256}.onnx", content)
    for delivery in result.deliveries:
        target = result.targets[delivery.target]
        network = next(one for one in target.networks if one.name == delivery.name)
        deliver(
            job,
            network,
            target,
            folder / delivery.folder,
            why=delivery.why,
            supernet=result.supernet,
            versions=result.versions,
        )
    write_report(result, folder / "report.html")
