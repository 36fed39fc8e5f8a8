"""The built documentation, read by a browser: ``make test-site``.

Pages, links, pictures and the search index are checked without one. The browser is Debian's chromium, which
``make browser`` installs; where there is none, its tests skip and say so.
"""

import functools
import http.server
import os
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(os.environ.get("SKZSL_SITE", Path(__file__).parents[1] / "docs" / "_build" / "html"))
PAGES = sorted(page.relative_to(SITE).as_posix() for page in SITE.rglob("*.html") if "_static" not in page.parts)
SHOTS = SITE.parent / "screenshots"
DESKTOP, PHONE = (1280, 900), (390, 844)


class Page(HTMLParser):
    """What a page links to, and what it can be linked at."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.anchors = set(), set()
        self.feed((SITE / path).read_text())

    def handle_starttag(self, tag, attributes):
        """Keep what the attributes of a tag name."""
        given = dict(attributes)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        self.targets |= {given[name] for name in ("href", "src") if given.get(name)}


@functools.cache
def read(path):
    return Page(path)


def test_there_is_a_site():
    assert {"index.html", "start.html", "search.html", "gallery/index.html", "papers/index.html"} <= set(PAGES), SITE


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_of_a_page_are_there(page):
    missing = []
    for target in read(page).targets:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue  # out of the site
        file = (SITE / page).parent / unquote(parts.path) if parts.path else SITE / page
        if not file.is_file():
            missing.append(target)
        elif parts.fragment and file.suffix == ".html":
            name = file.resolve().relative_to(SITE.resolve()).as_posix()
            missing += [target] if unquote(parts.fragment) not in read(name).anchors else []
    assert missing == []


def test_search_index_knows_the_models():
    assert "ZeroShotBilinear" in (SITE / "searchindex.js").read_text()


def test_gallery_has_ten_examples_with_notebooks_and_pictures_of_their_own():
    examples = sorted((SITE / "gallery").glob("plot_*.html"))
    assert len(examples) >= 10
    assert {path.stem for path in (SITE / "_downloads").rglob("plot_*.ipynb")} == {path.stem for path in examples}
    thumbnails = [SITE / "_images" / f"sphx_glr_{path.stem}_thumb.png" for path in examples]
    assert len({thumbnail.read_bytes() for thumbnail in thumbnails}) == len(examples)


@pytest.fixture(scope="session")
def address():
    """Serve the site: scripts of pages that are opened as files may read no others."""
    handler = functools.partial(Silent, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Silent(http.server.SimpleHTTPRequestHandler):
    """A server that writes nothing."""

    def log_message(self, *_):
        """Say nothing of a request."""


@pytest.fixture(scope="session")
def browser():
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("there is no chromium with its driver; on Debian, make browser installs them")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")  # nothing from outside
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()


def test_every_page_loads_without_an_error_and_shows_its_pictures(browser, address):
    wrong = []
    for page in PAGES:
        browser.get(f"{address}/{page}")
        heading = browser.execute_script("return document.querySelector('h1')?.innerText ?? ''")
        if not heading and page not in ("genindex.html", "search.html"):
            wrong.append(f"{page}: no heading")
        pictures = (
            "return [...document.images].filter(i => { i.loading = 'eager'; return i.complete && !i.naturalWidth })"
        )
        wrong += [f"{page}: {source}" for source in browser.execute_script(f"{pictures}.map(i => i.src)")]
        errors = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        wrong += [f"{page}: {error}" for error in errors if address in error]
    assert not wrong, "\n".join(wrong)


def test_search_finds_a_model(browser, address):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(f"{address}/search.html?q=ZeroShotBilinear")
    found = "return [...document.querySelectorAll('#search-results li a')].map(a => a.getAttribute('href'))"
    WebDriverWait(browser, 20).until(lambda browser: browser.execute_script(found))
    assert any("skzsl.ZeroShotBilinear.html" in link for link in browser.execute_script(found))


@pytest.mark.parametrize(("width", "height"), [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("page", ["index.html", "gallery/plot_quickstart.html", "papers/dogan_2024.html"])
def test_page_fits_the_screen(browser, address, page, width, height):
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(f"{address}/{page}")
    SHOTS.mkdir(exist_ok=True)
    browser.save_screenshot(str(SHOTS / f"{Path(page).stem}-{width}.png"))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
