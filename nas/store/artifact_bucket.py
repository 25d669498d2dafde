"""Artifacts behind any file system that fsspec knows, such as S3, with a verified folder in front."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

import fsspec

from nas.store.artifact_folder import (
    ArtifactFolder,
    check_digest,
    damaged,
    is_digest,
    missing,
    sha256_of,
)
from search_spaces.atomic import FULL
from search_spaces.errors import ArtifactError, StoreError, UsageError

_MISSING: Final = "artifact_missing"


@final
class ArtifactBucket:
    """Artifacts by URL. An object appears whole or not at all, as these systems promise.

    Args:
        url: For example `s3://bucket/prefix`; credentials and address come from where the protocol's own
            tools find them (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, ...).
        cache: Folder for copies on this machine. A damaged copy is fetched again.

    Raises:
        UsageError: `missing_package` where the protocol's package is not installed, `invalid_artifact_url`
            where there is no such protocol.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self._url = url
        self._cache = ArtifactFolder(cache)
        try:
            self._system, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise UsageError(
                "missing_package", f"{url} needs a package: {error}; for s3, pip install 'hwnas[s3]'"
            ) from error
        except ValueError as error:
            raise UsageError(
                "invalid_artifact_url",
                f"'{url}' is no place for artifacts: give a folder, or a URL like s3://bucket/prefix",
            ) from error

    def put(self, content: bytes) -> str:
        """Keep content; return its SHA-256. It is durable when this returns; the same content is kept once.

        Raises:
            StoreError: `artifacts_unreachable`.
        """
        digest = self._cache.put(content)
        self._upload(digest)
        return digest

    def put_file(self, path: Path) -> str:
        """Keep a file's content likewise."""
        digest = self._cache.put_file(path)
        self._upload(digest)
        return digest

    def get(self, digest: str) -> bytes:
        """Return verified content.

        Raises:
            ArtifactError: `artifact_missing` or `artifact_damaged`.
            StoreError: `artifacts_unreachable`.
        """
        self._fetch(digest)
        return self._cache.get(digest)

    def local_path(self, digest: str, suffix: str = "") -> Path:
        """Return a verified file on this machine with the content, whose name ends in `suffix`.

        Raises:
            ArtifactError: `artifact_missing` or `artifact_damaged`.
            StoreError: `artifacts_unreachable`.
        """
        self._fetch(digest)
        return self._cache.local_path(digest, suffix)

    def has(self, digest: str) -> bool:
        """Return whether content is there (not whether it is sound)."""
        place = self._place(digest)
        with self._reached():
            return bool(self._system.exists(place))

    def digests(self) -> set[str]:
        """Return the digests of all content (not whether it is sound).

        Raises:
            StoreError: `artifacts_unreachable`.
        """
        paths: list[str] = []
        with self._reached(), contextlib.suppress(FileNotFoundError):
            self._system.invalidate_cache()  # others put and remove
            paths = self._system.find(self._root)
        names = {path.rpartition("/")[2] for path in paths}
        return {name for name in names if is_digest(name)}

    def remove(self, digest: str) -> None:
        """Remove content, if it is there."""
        place = self._place(digest)
        self._cache.remove(digest)
        with self._reached(), contextlib.suppress(FileNotFoundError):
            self._system.rm_file(place)

    def _upload(self, digest: str) -> None:
        # Always, though it may be there: that it is there does not say that it is sound.
        path = self._cache.local_path(digest)
        with self._reached():
            self._system.put_file(str(path), self._place(digest))

    def _fetch(self, digest: str) -> None:
        """Have a sound copy in the cache."""
        try:
            self._cache.local_path(digest)
        except ArtifactError as error:
            if error.code != _MISSING:
                self._cache.remove(digest)
            self._download(digest)

    def _download(self, digest: str) -> None:
        place = self._place(digest)
        with self._cache.incoming() as temporary:
            try:
                with self._reached():
                    self._system.get_file(place, str(temporary))
            except FileNotFoundError as error:
                raise missing(digest) from error
            if sha256_of(temporary) != digest:
                raise damaged(digest)
            self._cache.put_file(temporary)

    def _place(self, digest: str) -> str:
        check_digest(digest)
        return f"{self._root}/{digest[:2]}/{digest}"

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            reason = " ".join(str(error).split())
            raise StoreError(
                "artifacts_unreachable", f"{self._url} does not answer as it should ({reason}): check it"
            ) from error
