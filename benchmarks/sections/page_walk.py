"""From the login to a file on the disk, as somebody does it in a browser, while the server is killed twice.

Log in, fill the form, submit, watch, open the front, pick under a budget, download: the file's digest and its
accuracy in ONNX Runtime have to be what the page said. It is done on a desk in light and on a phone in dark.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from playwright.sync_api import Page, expect

from benchmarks.figures import Figure
from benchmarks.sections.site import Site, Watched, browsing, served, watched
from nas.data.catalogue import open_dataset
from nas.data.contents import Part
from nas.data.spec import DigitsSpec
from nas.publication import accuracy_of
from nas.report.words import accuracy_text, images_text

LOOKS: Final = ((1280, False), (390, True))
_SMALL: Final[Mapping[str, str]] = {
    "supernet.epochs": "20",
    "search.evaluations": "2000",
    "verify.candidates": "8",
    "verify.rounds": "2",
    "export.points": "2",
}
"""What makes a search short; everything else is as the form has it."""

_NOTE_WAITING: Final = """() => {
    window.stays = true;
    const look = () => {
        const told = document.querySelector("#progress .waiting")?.textContent ?? "";
        window.waited ||= told.includes("measuring, ") && told.includes(" left");
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""

_PATIENCE_MS: Final = 900_000
_AWAY: Final = ("ERR_CONNECTION", "ERR_INCOMPLETE", "ERR_EMPTY", "Failed to load resource", "Failed to fetch")


@dataclass(frozen=True)
class Got:
    """What a walk ended with.

    Attributes:
        digests: Whether the file's digest is the one that the page showed.
        accuracies: The same of its accuracy.
        matrices: Whether the confusion matrix of its page adds up to that accuracy.
        waited: Whether the page told how long measuring still takes while the search waited for it.
        went_on: Whether the page of the search was never loaded again, and what was typed was kept.
        problems: Errors and requests to other hosts.
        told: In words.
    """

    digests: bool
    accuracies: bool
    matrices: bool
    waited: bool
    went_on: bool
    problems: tuple[str, ...]
    told: str


def run(home: Path, quick: bool) -> list[Figure]:
    """Walk at each look; the second search finds table and supernet of the first."""
    found = []
    with served(home / "walk", worker=True) as (site, login), browsing() as browser:
        for number, (width, dark) in enumerate(LOOKS[:1] if quick else LOOKS):
            with watched(browser, login, width=width, dark=dark) as visit:
                found.append(_walk(site, visit, home, limit_ms=1.0 + number))
            site.stop()
            login = site.start()
    problems = [one for got in found for one in got.problems]
    told = "; ".join(got.told for got in found)
    counts = {
        "digests as the page said": sum(got.digests for got in found),
        "accuracies as the page said": sum(got.accuracies for got in found),
        "confusion matrices that add up": sum(got.matrices for got in found),
        "time left told while measuring": sum(got.waited for got in found),
        "went on over two kills": sum(got.went_on for got in found),
    }
    return [
        *(Figure(f"walks: {name}", count, "", ">=", len(found), told) for name, count in counts.items()),
        Figure("walks: errors and foreign requests", len(problems), "", "<=", 0, "; ".join(problems[:3])),
    ]


def _walk(site: Site, visit: Watched, home: Path, limit_ms: float) -> Got:
    page = visit.page
    page.set_default_timeout(60_000)
    page.goto(f"{site.url}/searches/new")
    _fill(page, {**_SMALL, "targets.0.limits.latency_ms": f"{limit_ms:g}"})
    _restart(site)
    kept = page.locator('[name="supernet.epochs"]').input_value() == _SMALL["supernet.epochs"]
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url(re.compile(r"/searches/digits-\w+$"))
    went_on, waited = _watch(site, page)
    page.get_by_role("link", name="The front", exact=True).click()
    page.wait_for_selector("html[data-ready=front]")
    file, shown = _pick(page, home)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    accuracy = _scored(file, shown["images"])
    matrix = _matrix(page)
    problems = tuple(one for one in visit.problems if not any(text in one for text in _AWAY))
    told = f"{shown['name']}: {shown['accuracy']} on {shown['images']}, {sha256[:12]}"
    same = (sha256 == shown["sha256"], accuracy == shown["accuracy"], matrix == (accuracy, sha256))
    return Got(*same, waited, kept and went_on, problems, told)


def _fill(page: Page, values: Mapping[str, str]) -> None:
    page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for name, value in values.items():
        page.locator(f'[name="{name}"]').fill(value)


def _restart(site: Site) -> None:
    site.kill()
    site.start()


def _watch(site: Site, page: Page) -> tuple[bool, bool]:
    """Wait for progress, kill the server, start it, wait for the end.

    Returns:
        Whether the page stayed, and whether it told the time left while the search waited for measurements.
    """
    page.evaluate(_NOTE_WAITING)
    expect(page.locator("#progress li[aria-current=step]")).to_be_visible(timeout=_PATIENCE_MS)
    _restart(site)
    expect(page.locator("#state")).to_contain_text("succeeded", timeout=_PATIENCE_MS)
    stays, waited = page.evaluate("() => [window.stays === true, window.waited === true]")
    return stays, waited


def _pick(page: Page, home: Path) -> tuple[Path, dict[str, str]]:
    """Set a budget between the ends of the front, download the best within; return what the page says."""
    field = page.locator('[data-cost="latency_ms"]')
    low, high = (float(field.get_attribute(f"data-{end}") or 0) for end in ("low", "high"))
    before = page.locator("[data-picked]").get_attribute("data-picked")
    field.locator("input[type=number]").fill(f"{(low * high) ** 0.5:.6g}")
    with page.expect_response(lambda answer: "/front/pick?" in answer.url):
        field.locator("input[type=number]").press("Tab")
    expect(page.locator("output.best")).not_to_be_empty()
    chosen = page.locator("[data-picked]")
    row = chosen.locator("table.figures tbody tr").first
    interval = row.locator(".interval").first.inner_text()
    shown = {
        "name": chosen.get_attribute("data-picked") or "",
        "before": before or "",
        "accuracy": row.locator("strong").inner_text(),
        "images": interval.partition(" · ")[2],
        "sha256": chosen.locator(".digest code").inner_text(),
    }
    with page.expect_download() as download:
        chosen.get_by_role("link", name="Download file").click()
    path = home / f"{shown['name']}.onnx"
    download.value.save_as(path)
    return path, shown


def _matrix(page: Page) -> tuple[str, str]:
    """Open the page of the picked network; return the accuracy that its matrix adds up to, and its digest."""
    page.locator("[data-picked]").get_by_role("link", name="Look inside").click()
    cells = page.locator("table.matrix")
    right = sum(int(text) for text in cells.locator("td.right").all_inner_texts())
    images = sum(
        int(text) for text in cells.locator("td[class='number']:nth-last-child(2)").all_inner_texts()
    )
    hits = np.arange(images) < right
    return accuracy_text(accuracy_of(hits, "validation")), page.locator(".digest code").first.inner_text()


def _scored(file: Path, images: str) -> str:
    """Return the accuracy of a file in ONNX Runtime alone, as the page writes it, on the images it names."""
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    data = open_dataset(DigitsSpec(name="digits"))
    part: Part = "validation"
    side = session.get_inputs()[0].shape[-1]
    pictures, labels = data.images(part, side), data.labels(part)
    hits = [
        int(session.run(None, {"image": one[None].astype(np.float32) / 255.0})[0].argmax()) == label
        for one, label in zip(pictures, labels, strict=True)
    ]
    accuracy = accuracy_of(np.array(hits), "validation")
    assert images_text(accuracy) == images, f"the page tells of {images}, here are {images_text(accuracy)}"
    return accuracy_text(accuracy)
