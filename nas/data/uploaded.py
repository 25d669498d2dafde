"""Images that were uploaded: read out of the file as it came, which is not unpacked."""

from pathlib import Path
from typing import Literal

from nas.data.archive import Archive
from nas.data.arrays import open_arrays
from nas.data.dataset import Dataset
from nas.data.folder_listing import list_names
from nas.data.image_folder import open_images
from nas.data.spec import ArraysSpec, ImageFolderSpec, UploadedSpec
from search_spaces.errors import DataError

Content = Literal["images", "arrays"]


def content_of(path: Path) -> Content:
    """Tell what an uploaded file holds, by the directory of the zip file that it is.

    Raises:
        DataError: `broken_archive`, `unsafe_archive` or `oversized_archive`; `empty_archive` where it holds
            no file.
    """
    archive = Archive(path)
    try:
        names = archive.files
    finally:
        archive.close()
    if not names:
        raise DataError("empty_archive", "the archive holds no files: pack one folder for each class")
    return "arrays" if all(name.suffix == ".npy" and len(name.parts) == 1 for name in names) else "images"


def open_uploaded(spec: UploadedSpec, path: Path, cache_dir: Path | None = None) -> Dataset:
    """Open an uploaded file.

    Args:
        spec: Which file.
        path: Where it is on this machine.
        cache_dir: As in `open_dataset`.

    Raises:
        DataError: As `content_of`; what an image folder or arrays raise. No message names a place of this
            machine.
    """
    shares = {"val_share": spec.val_share, "test_share": spec.test_share, "seed": spec.seed}
    try:
        archive = Archive(path)
        if spec.content == "arrays":
            archive.close()
            return open_arrays(ArraysSpec.model_validate({"path": path, **shares}), cache_dir)
        folder = ImageFolderSpec.model_validate({"path": path, **shares})
        return open_images(folder, list_names(archive.files, archive.folders), archive, cache_dir)
    except DataError as error:
        raise DataError(error.code, error.message.replace(f"'{path}'", "the file")) from error
