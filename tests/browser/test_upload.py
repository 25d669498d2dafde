"""Images are uploaded in a browser."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.api.running import Running
from tests.browser.visiting import visiting

pytestmark = pytest.mark.browser


def images(path: Path) -> Path:
    """A zip with a folder for each of two classes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, shade in (("dark", 30), ("light", 220)):
            for number in range(3):
                written = io.BytesIO()
                Image.new("L", (8, 8), shade + number).save(written, "PNG")
                archive.writestr(f"{name}/{number}.png", written.getvalue())
    return path


def test_an_upload_ends_at_its_page_and_what_is_wrong_is_said(
    browser: Browser, site: Running, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK no archive")
    with visiting(browser, site) as visit:
        visit.expected = ("Failed to load resource: the server responded with a status of 422",)
        page = visit.open("/datasets")
        page.get_by_label("Name").fill("mine")
        page.get_by_label("File").set_input_files(broken)
        page.get_by_role("button", name="Upload").click()
        expect(page.locator("#wrong")).to_contain_text("broken_archive")
        page.get_by_label("File").set_input_files(images(tmp_path / "images.zip"))
        page.get_by_role("button", name="Upload").click()
        expect(page.locator("h1")).to_contain_text("mine")
        expect(page.locator("#state")).to_contain_text("checking")
