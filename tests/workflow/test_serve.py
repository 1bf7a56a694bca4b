"""The web page of a real, small run: `ucmgcn serve` as a process, and Chromium in front of it."""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import numpy as np
import psutil
import pytest
from click.testing import CliRunner
from PIL import Image
from project import Run
from waiting import HANG_SECONDS

from ucmgcn.cli.main import main
from ucmgcn.search.library import Library
from ucmgcn.web.app import key_of

UCMGCN = Path(sys.executable).parent / "ucmgcn"
CHROMIUM = shutil.which("chromium")
# Software WebGL; and no lookups of Google's hosts at start, nor a sandbox, which root cannot have.
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


@dataclass
class Served:
    """A running server, and the data behind it."""

    process: subprocess.Popen
    address: str
    folder: Path

    @property
    def photos(self) -> list[Path]:
        return sorted((self.folder / "data" / "images").rglob("*.jpg"))


def start(folder: Path, *arguments: str) -> Served:
    process = subprocess.Popen(
        [UCMGCN, "serve", "--dataset", "tiny", "--port", "0", "--rate", "1000/minute", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    address = re.search(r"http://\S+", line)
    assert address, line + process.stderr.read()
    return Served(process, address[0], folder)


@pytest.fixture(scope="module")
def served(finished: Run) -> Iterator[Served]:
    running = start(finished.folder)
    yield running
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(HANG_SECONDS) == 0
    assert running.process.stderr.read() == ""


def test_the_page_answers_as_the_library_does(served: Served):
    photo = served.photos[4]
    answer = httpx2.post(
        f"{served.address}search",
        files={"photo": photo.read_bytes()},
        data={"top": "5"},
        headers={"Accept": "application/json"},
    )
    hits = answer.json()["hits"]
    expected = Library.open(served.folder / "results" / "tiny").search(photo, 5)
    assert [(h["model"], h["category"]) for h in hits] == [(h.model, h.category) for h in expected]
    assert [h["score"] for h in hits] == pytest.approx([h.score for h in expected], abs=1e-5)


def glb_addresses(served: Served) -> dict[str, str]:
    """Address of one model in 3D for each format of the run's meshes."""
    models = Library.open(served.folder / "results" / "tiny").models
    return {
        model.path.suffix: f"{served.address}models/{key_of(model.id)}/mesh.glb" for model in models
    }


def test_every_format_of_the_run_can_be_shown_in_3d(served: Served):
    addresses = glb_addresses(served)
    assert len(addresses) > 1
    for address in addresses.values():
        assert httpx2.get(address, timeout=HANG_SECONDS).content.startswith(b"glTF")


def test_mistakes_are_one_line_and_exit_code_2(served: Served):
    port = served.address.rstrip("/").rpartition(":")[2]
    results = str(served.folder / "results")
    for arguments, words in (
        (["--dataset", "tiny", "--port", port], f"port {port} on 127.0.0.1 is taken"),
        (["--dataset", "other"], "no results of 'other'"),
        (["--dataset", "tiny", "--rate", "often"], "60/minute"),
        (["--dataset", "tiny", "--host", "192.0.2.1"], "192.0.2.1"),
    ):
        done = CliRunner().invoke(main, ["serve", "--results", results, *arguments])
        assert done.exit_code == 2, done.output
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not done.stdout


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_nothing_is_left_running(finished: Run, how, code):
    """The process that converts meshes ends with the server, however that ends."""
    running = start(finished.folder, "--host", "0.0.0.0")
    httpx2.get(next(iter(glb_addresses(running).values())), timeout=HANG_SECONDS)
    children = psutil.Process(running.process.pid).children(recursive=True)
    assert children
    running.process.send_signal(how)
    assert running.process.wait(HANG_SECONDS) == code
    assert psutil.wait_procs(children, timeout=HANG_SECONDS)[1] == []
    assert "no password" in running.process.stderr.read()


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("Chromium is not installed; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visitor:
    """A page in Chromium that notes its requests and the errors that it reports."""

    def __init__(self, browser, served: Served, **options) -> None:
        self.context = browser.new_context(**{"viewport": DESKTOP, **options})
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.served = served
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        self.page.goto(served.address)

    def choose(self, photo: Path | dict) -> None:
        self.page.set_input_files("input[type=file] >> nth=0", photo)

    def search(self, photo: Path | None = None) -> None:
        self.choose(photo or self.served.photos[4])
        self.page.wait_for_selector(".card")

    def open_first(self) -> None:
        self.page.click(".card >> nth=0")
        self.page.wait_for_selector("dialog .stage.drawn")

    def names(self) -> list[str]:
        return self.page.eval_on_selector_all(".card", "cards => cards.map(c => c.title)")

    def picture(self, selector: str) -> np.ndarray:
        data = self.page.locator(selector).screenshot()
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.fixture
def visit(browser, served: Served):
    visitors: list[Visitor] = []

    def visit(**options) -> Visitor:
        visitors.append(Visitor(browser, served, **options))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.context.close()


@pytest.mark.browser
def test_a_photo_finds_the_models_that_the_library_finds(visit, served: Served):
    visitor = visit()
    visitor.search()
    expected = Library.open(served.folder / "results" / "tiny").search(served.photos[4], 24)
    assert visitor.names() == [hit.model for hit in expected]
    assert visitor.page.locator("#photo").is_visible()
    assert visitor.page.text_content(".card .score").endswith(f"{expected[0].score:.3f}")
    width = "image => image.decode().then(() => image.naturalWidth)"
    assert visitor.page.eval_on_selector(".card img", width) == 224
    assert visitor.errors == []


@pytest.mark.browser
def test_the_3d_view_draws_and_turns(visit):
    visitor = visit(viewport={"width": 800, "height": 600})
    visitor.search()
    visitor.open_first()
    before = visitor.picture(".stage")
    middle = before[before.shape[0] // 4 : -before.shape[0] // 4, :]
    assert middle.std() > 10, "the canvas shows a model, not its ground alone"
    box = visitor.page.locator(".stage canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    visitor.page.mouse.move(x, y)
    visitor.page.mouse.down()
    visitor.page.mouse.move(x + 120, y + 30, steps=5)
    visitor.page.mouse.up()
    visitor.page.wait_for_timeout(300)
    turned = visitor.picture(".stage")
    assert np.abs(turned - before).mean() > 1
    visitor.page.focus(".stage canvas")
    visitor.page.keyboard.press("ArrowLeft")
    visitor.page.keyboard.press("+")
    assert np.abs(visitor.picture(".stage") - turned).mean() > 0.5
    assert visitor.errors == []


@pytest.mark.browser
def test_more_like_this_the_filter_and_the_way_back(visit, served: Served):
    visitor = visit()
    page = visitor.page
    visitor.search()
    found = visitor.names()
    visitor.open_first()
    page.click("text=More like this")
    page.wait_for_selector(".head h2:has-text('More like')")
    assert found[0] not in visitor.names()
    assert page.locator("dialog").is_hidden()
    category = page.eval_on_selector("select option:nth-child(2)", "option => option.value")
    page.select_option("select", category)
    page.wait_for_selector(".head p:has-text('of category')")
    assert {name.split("/")[0] for name in visitor.names()} == {category}
    page.select_option("select", "")
    page.go_back()
    page.wait_for_selector("dialog .stage.drawn")
    page.go_back()
    page.wait_for_selector("dialog", state="hidden")
    page.reload()
    assert page.locator("h1").is_visible()


@pytest.mark.browser
def test_the_mesh_is_downloaded_as_it_is(visit, served: Served):
    visitor = visit()
    visitor.search()
    visitor.open_first()
    with visitor.page.expect_download() as download:
        visitor.page.click("dialog .actions a:has-text('Download') >> nth=0")
    name = visitor.page.text_content("#model-title")
    original = next((served.folder / "data" / "models").glob(f"{name}.*"))
    assert Path(download.value.path()).read_bytes() == original.read_bytes()


@pytest.mark.browser
def test_a_file_that_is_no_photo_says_so_and_the_next_one_works(visit, tmp_path):
    visitor = visit()
    visitor.choose({"name": "p.jpg", "mimeType": "image/jpeg", "buffer": b"just text"})
    visitor.page.wait_for_selector("[role=alert]")
    assert "This is no photo" in visitor.page.text_content("[role=alert]")
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(21 * 2**20))
    visitor.choose(large)
    visitor.page.wait_for_selector("[role=alert]:has-text('up to 20 MB are taken')")
    visitor.search()
    assert visitor.page.locator("[role=alert]").count() == 0


@pytest.mark.browser
def test_a_photo_can_be_dropped_and_pasted(visit, served: Served):
    for event, holder in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        visitor = visit()
        visitor.page.evaluate(
            """async ([event, holder, bytes]) => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], "p.jpg", { type: "image/jpeg" }));
              const kind = event === "drop" ? DragEvent : ClipboardEvent;
              document.body.dispatchEvent(
                new kind(event, { [holder]: data, bubbles: true, cancelable: true }));
            }""",
            [event, holder, list(served.photos[4].read_bytes())],
        )
        visitor.page.wait_for_selector(".card")
        assert visitor.page.locator("#photo").is_visible()


@pytest.mark.browser
def test_all_of_it_by_keyboard(visit, served: Served):
    visitor = visit()
    page = visitor.page
    # From the start: a chooser that opens while it begins to be watched for is lost.
    page.on("filechooser", lambda chooser: chooser.set_files(served.photos[4]))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "file"
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    assert page.evaluate("document.activeElement.textContent") == "Most similar models"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog .stage.drawn")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "CANVAS":
            break
    assert "arrow keys" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="hidden")
    assert page.evaluate("document.activeElement.className") == "card"


@pytest.mark.browser
def test_names_and_roles_for_screen_readers(visit):
    visitor = visit()
    visitor.search()
    page = visitor.page
    assert page.get_by_role("heading", name="Most similar models").count() == 1
    assert page.get_by_role("list").count() == 1
    card = page.get_by_role("link", name=re.compile(r"Rank 1 \S+ \S+ score 0\.\d+"))
    assert card.count() == 1
    assert page.get_by_role("combobox", name="Category").count() == 1
    assert page.get_by_role("status").first.text_content().startswith("Most similar models")
    visitor.open_first()
    assert page.get_by_role("dialog", name=re.compile(r"\w")).count() == 1
    assert page.get_by_role("button", name="Close").count() == 1


@pytest.mark.browser
def test_it_fits_a_phone(visit):
    visitor = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    page = visitor.page
    assert page.get_by_text("Take a photo").is_visible()
    assert page.get_attribute("input[capture]", "accept") == "image/*"
    visitor.search()
    wide = "document.documentElement.scrollWidth <= window.innerWidth"
    assert page.evaluate(wide)
    lefts = page.eval_on_selector_all(".card", "c => c.map(e => e.getBoundingClientRect().left)")
    assert len({round(left) for left in lefts}) == 2
    visitor.open_first()
    assert page.evaluate(wide)
    small = page.eval_on_selector_all(
        "dialog :is(a, button)", "e => e.filter(x => x.getBoundingClientRect().height < 44).length"
    )
    assert small == 0


@pytest.mark.browser
def test_no_request_leaves_for_another_origin(visit, served: Served):
    visitor = visit()
    visitor.search()
    visitor.open_first()
    outside = [u for u in visitor.requests if not u.startswith((served.address, "blob:"))]
    assert outside == []
    assert any(url.endswith("/static/three.js") for url in visitor.requests)
    blocked = visitor.page.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'blocked')"
    )
    assert blocked == "blocked"
    assert any("Content Security Policy" in error for error in visitor.errors)


@pytest.mark.browser
def test_without_scripts_the_form_and_links_do(browser, served: Served):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.address)
    page.set_input_files("input[type=file] >> nth=0", served.photos[4])
    page.click("noscript button")
    page.wait_for_selector(".card")
    page.click(".card >> nth=0")
    page.wait_for_selector("article.model")
    page.click("text=More like this")
    page.wait_for_selector(".card")
    context.close()
