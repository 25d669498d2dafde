import os
from pathlib import Path, PurePosixPath

from nas.data.folder_listing import list_folder


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def paths(*names: str) -> tuple[PurePosixPath, ...]:
    return tuple(PurePosixPath(name) for name in names)


def test_images_folders_and_other_files_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.JPG", "b/1.png", "a/deep/er/x.tiff", "a/notes.txt", "a/LICENSE", "a/x.heic")
    (tmp_path / "empty").mkdir()
    listing = list_folder(tmp_path)
    assert listing.images == paths("a/deep/er/x.tiff", "b/1.png", "b/2.JPG")
    assert listing.folders == paths("a", "a/deep", "a/deep/er", "b", "empty")
    assert listing.ignored == {".heic": 1, ".txt": 1, "LICENSE": 1}


def test_what_is_hidden_or_left_by_others_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, ".DS_Store", ".cache/x.png", "a/._x.png", "__MACOSX/a/x.png", "@eaDir/x.png", "a/x.png")
    assert list_folder(tmp_path).images == paths("a/x.png")
    assert list_folder(tmp_path).folders == paths("a")


def test_links_are_followed_inside_only(tmp_path: Path) -> None:
    root = tmp_path / "data"
    touch(root, "a/x.png")
    touch(tmp_path, "data-private/secret.png")
    (root / "inside").symlink_to(root / "a")
    (root / "a" / "again.png").symlink_to("x.png")
    (root / "beside").symlink_to(tmp_path / "data-private")  # shares the first letters of the root's path
    (root / "up.png").symlink_to("../data-private/secret.png")
    (root / "gone.png").symlink_to("nothing.png")
    listing = list_folder(root)
    assert listing.images == paths("a/again.png", "a/x.png", "inside/again.png", "inside/x.png")
    assert listing.outside == paths("beside", "gone.png", "up.png")
    assert listing.linked == paths("beside")


def test_a_link_without_a_suffix_that_leads_nowhere_stood_for_a_folder(tmp_path: Path) -> None:
    for name in ("cat", "cat.txt"):
        (tmp_path / name).symlink_to("nothing")
    listing = list_folder(tmp_path)
    assert (listing.outside, listing.linked) == (paths("cat", "cat.txt"), paths("cat"))


def test_links_in_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.png", "b/y.png")
    (tmp_path / "a" / "to_b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "to_a").symlink_to(tmp_path / "a")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    assert list_folder(tmp_path).images == paths("a/to_b/y.png", "a/x.png", "b/to_a/x.png", "b/y.png")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path, "real/a/x.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert list_folder(tmp_path / "link").images == paths("a/x.png")


def test_pipes_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    assert list_folder(tmp_path).images == ()
