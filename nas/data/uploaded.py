"""Images that were uploaded: read out of the file as it came, which is not unpacked."""

from pathlib import Path

from nas.data.archive import Archive
from nas.data.arrays import open_arrays
from nas.data.dataset import Dataset
from nas.data.folder_listing import list_names
from nas.data.image_folder import open_images
from nas.data.kept_scans import Told, untold
from nas.data.spec import ArraysSpec, Content, FolderRules, ImageFolderSpec, UploadedSpec, UploadRules
from search_spaces.errors import DataError, UsageError


def content_of(path: Path, rules: UploadRules) -> Content:
    """Tell what an uploaded file holds, by the directory of the zip file that it is.

    Args:
        path: Of the file.
        rules: By which it is to be read.

    Raises:
        DataError: `broken_archive`, `unsafe_archive` or `oversized_archive`; `empty_archive` where it holds
            no file.
        UsageError: `invalid_spec` where a rule is for other content.
    """
    archive = Archive(path)
    try:
        names = archive.files
    finally:
        archive.close()
    if not names:
        raise DataError("empty_archive", "the archive holds no files: pack one folder for each class")
    arrays = all(name.suffix == ".npy" and len(name.parts) == 1 for name in names)
    content: Content = "arrays" if arrays else "images"
    if unfit := rules.not_of(content):
        raise UsageError(
            "invalid_spec",
            f"{', '.join(unfit)}: of image folders only, and the file holds arrays: leave it out",
        )
    return content


def open_uploaded(
    spec: UploadedSpec, path: Path, cache_dir: Path | None = None, told: Told = untold
) -> Dataset:
    """Open an uploaded file.

    Args:
        spec: Which file.
        path: Where it is on this machine.
        cache_dir: As in `open_dataset`.
        told: Likewise.

    Raises:
        DataError: As `content_of`; what an image folder or arrays raise. No message names a place of this
            machine.
    """
    rules = {name: getattr(spec, name) for name in FolderRules.model_fields}
    shares = {name: rules[name] for name in ("val_share", "test_share", "seed")}
    try:
        archive = Archive(path)
        if spec.content == "arrays":
            archive.close()
            return open_arrays(ArraysSpec.model_validate({"path": path, **shares}), cache_dir)
        folder = ImageFolderSpec.model_validate({"path": path, **rules})
        return open_images(folder, list_names(archive.files, archive.folders), archive, cache_dir, told)
    except DataError as error:
        raise DataError(error.code, error.message.replace(f"'{path}'", "the file")) from error
