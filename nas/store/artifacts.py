"""The artifact store that a setting names: a folder, or a bucket with a cache in front."""

from pathlib import Path

from nas.store.artifact_bucket import ArtifactBucket
from nas.store.artifact_folder import ArtifactFolder


def open_artifacts(url: str, cache: Path) -> ArtifactFolder | ArtifactBucket:
    """Return the store at a place.

    Args:
        url: A folder (with or without `file://`), or what fsspec knows: `s3://bucket/prefix`.
        cache: Folder for copies of what is elsewhere.

    Raises:
        UsageError: `invalid_artifact_url` or `missing_package`.
    """
    if url.startswith("file://"):
        return ArtifactFolder(Path(url.removeprefix("file://")))
    if "://" not in url:
        return ArtifactFolder(Path(url).expanduser())
    return ArtifactBucket(url, cache)
