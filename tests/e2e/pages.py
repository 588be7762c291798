"""A walk over the site as one person: every page that links lead to, looked at in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve
from playwright.sync_api import APIResponse, Browser, ConsoleMessage, Page, Request

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
#: Rules of WCAG 2.2, levels A and AA.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
GRAVE = {"serious", "critical"}
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 800}
#: What a page loads after it is there: panels, and charts that are drawn.
_SETTLED = (
    """() => !document.querySelector("[data-panel] > .loading, .htmx-request, [data-chart][data-state=drawing]")"""
)
#: Pictures wait until they are scrolled to; here all of them come.
_LOOKED_AT = """async () => {
    const pictures = [...document.querySelectorAll("img[loading=lazy]")];
    for (const picture of pictures) picture.loading = "eager";
    await Promise.allSettled(pictures.map(picture => picture.decode()));
}"""
_AXE_RUN = """rules => axe.run(document, {runOnly: rules, resultTypes: ["violations"]}).then(found => found.violations.map(
    v => [v.impact, v.id, v.nodes.slice(0, 3).map(node => node.html.slice(0, 160))]))"""


@dataclass
class Walk:
    """Where one person got to, and what was wrong there."""

    person: str
    #: URL name → address.
    reached: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def complain(self, name: str, *words: object) -> None:
        """Write down what is wrong with a page."""
        self.complaints.append(" ".join(map(str, [self.person, name, self.reached.get(name, ""), *words])))


def name_of(path: str) -> str:
    """Give the URL name of an address; empty where the site has none such."""
    try:
        return resolve(urlsplit(path).path).view_name
    except Resolver404:
        return ""


@dataclass
class Walker:
    """Goes along links, one page of each URL name."""

    address: str
    page: Page
    walk: Walk
    #: URL names that were looked at closely already, by this or another person.
    known: set[str]
    _noise: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self._noise.append(f"page error: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", lambda answer: self._answered(answer.url, answer.status))

    def log_in(self, person: str, password: str) -> None:
        """Log in through the page."""
        self.page.goto(f"{self.address}/login/")
        self.page.locator("#id_username").fill(person)
        self.page.locator("#id_password").fill(password)
        self.page.locator("main form .btn-primary").click()
        self.page.wait_for_load_state()

    def follow(self, *starts: str) -> None:
        """Look at the starts, then at whatever links lead to, once for each URL name."""
        waiting = list(starts)
        while waiting:
            path = waiting.pop(0)
            name = name_of(path)
            if name in ("", "logout") or name in self.walk.reached:
                continue
            self.walk.reached[name] = path
            answer = self.page.context.request.get(self.address + path)
            if answer.status >= 400:
                self.walk.complain(name, "answers", answer.status)
            elif _is_page(answer):
                waiting += self._look(name, path)

    def _look(self, name: str, path: str) -> list[str]:
        """Open a page, look at it, and give the addresses that it links to."""
        self._noise.clear()
        self.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        self.page.goto(self.address + path)
        self.page.wait_for_load_state("load")
        self.page.wait_for_timeout(300)
        self.page.wait_for_function(_SETTLED, timeout=60_000)
        self.page.evaluate(_LOOKED_AT)
        for wrong in (*self._frame(), *(() if name in self.known else self._closely())):
            self.walk.complain(name, wrong)
        for words in self._noise:
            self.walk.complain(name, words)
        self.known.add(name)
        links = self.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
        return [link.removeprefix(self.address) for link in links if link.startswith(f"{self.address}/")]

    def _frame(self) -> Iterator[str]:
        """Say what a page lacks that each must have."""
        title = self.page.title()
        if not re.fullmatch(r"\S.* · Ecotone", title):
            yield f"has the title {title!r}"
        if (headings := self.page.locator("h1:visible").count()) != 1:
            yield f"has {headings} main headings"

    def _closely(self) -> Iterator[str]:
        """Say what is wrong at either width and in either appearance."""
        yield from self._axe(RULES, "light")
        self.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        self.page.wait_for_timeout(150)
        if (width := self.page.evaluate("document.documentElement.scrollWidth")) > PHONE["width"]:
            yield f"is {width} px wide on a phone of {PHONE['width']} px"
        self.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        self.page.emulate_media(color_scheme="dark")
        self.page.wait_for_timeout(300)
        yield from self._axe(["wcag2aa"], "dark")
        self.page.emulate_media(color_scheme="light")

    def _axe(self, rules: list[str], appearance: str) -> Iterator[str]:
        self.page.evaluate(AXE.read_text())
        for impact, rule, nodes in self.page.evaluate(_AXE_RUN, rules):
            if impact in GRAVE:
                yield f"axe, {appearance}: {impact} {rule} {json.dumps(nodes, ensure_ascii=False)}"

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._noise.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        # A request that the page itself gave up on, when it was left, is no failure.
        if "ERR_ABORTED" not in (request.failure or ""):
            self._noise.append(f"failed: {request.url} {request.failure}")

    def _answered(self, url: str, status: int) -> None:
        """Count what pages load by themselves as reached, too."""
        path = url.removeprefix(self.address)
        if (name := name_of(path)) and status < 400:
            self.walk.reached.setdefault(name, path)
        elif status >= 400:
            self._noise.append(f"answered {status}: {path}")


def _is_page(answer: APIResponse) -> bool:
    """Tell a page from a file to download, a picture, or data."""
    kind, kept = answer.headers.get("content-type", ""), answer.headers.get("content-disposition", "")
    return kind.startswith("text/html") and not kept.startswith("attachment")


def walk_as(
    browser: Browser, address: str, *, person: str, password: str, starts: tuple[str, ...], known: set[str]
) -> Walk:
    """Walk over the whole site as one person, in a window of their own."""
    # What fades is measured half-way, so nothing may fade.
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", reduced_motion="reduce")  # type: ignore[arg-type]
    walk = Walk(person)
    walker = Walker(address, context.new_page(), walk, known)
    walker.log_in(person, password)
    walker.walk.reached.clear()
    walker.follow(*starts)
    context.close()
    return walk
