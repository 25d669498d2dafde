"""A browser that looks at the service, and notes everything that a page must not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from tests.api.running import Running


@dataclass
class Visit:
    """A page that is open.

    Attributes:
        expected: Texts of console errors that a test provokes: a server that is away, for example.
    """

    site: Running
    page: Page
    problems: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def open(self, path: str) -> Page:
        """Go to an address of the service; the page is there, and loaded."""
        answer = self.page.goto(f"{self.site.url}{path}", wait_until="load")
        assert answer is not None
        assert answer.status < 400, (path, answer.status)
        return self.page

    def note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(text in message.text for text in self.expected):
            self.problems.append(f"console: {message.text}")

    def note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(self.site.url).netloc:
            self.problems.append(f"another host: {request.url}")


@contextmanager
def visiting(
    browser: Browser, site: Running, *, width: int = 1280, dark: bool = False, javascript: bool = True
) -> Iterator[Visit]:
    """A visit by somebody who has logged in.

    It fails at its end where a page asked another host for something, threw, or wrote an error to the
    console: what the content security policy refuses is such an error.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        java_script_enabled=javascript,
    )
    page = context.new_page()
    visit = Visit(site, page)
    page.on("console", visit.note_console)
    page.on("pageerror", lambda error: visit.problems.append(f"thrown: {error}"))
    page.on("request", visit.note_request)
    page.goto(site.login(), wait_until="load")
    yield visit
    context.close()
    assert visit.problems == [], "\n".join(visit.problems)
