"""The web application against a small library that keeps the contract of `Library`."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import time
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import numpy as np
import pytest
import trimesh
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.media.photos import load_photo
from ucmgcn.web.access import check_token
from ucmgcn.web.app import create_app, key_of
from ucmgcn.web.limits import Gate, ServerLimits

JSON = {"Accept": "application/json"}
PARTIAL = {"X-Partial": "1"}
NASTY = 'odd/<b>ü & "x" %2e%2e'
VIEWS = 3


@dataclass(frozen=True)
class Model:
    id: str
    category: str
    path: Path


@dataclass(frozen=True)
class Hit:
    rank: int
    model: str
    category: str
    score: float
    likeness: str
    view: int
    path: Path


class SmallLibrary:
    """Ranks models by how close their number is to a photo's brightness."""

    def __init__(self, models: list[Model]) -> None:
        self.models = models
        self.asked: list[tuple] = []
        self.categories = sorted({model.category for model in models} - {""})
        self.next = self

    def current(self):
        return self.next

    def search(self, photo, top=10, category=None):
        level = load_photo(io.BytesIO(photo), 8).mean() / 255
        word = "not much like it" if level > 0.99 else "like it"
        return self._hits(level * (len(self.models) - 1), top, category, word)

    def similar(self, model_id, top=10, category=None):
        number = [m.id for m in self.models].index(model_id)
        return [h for h in self._hits(number, top + 1, category) if h.model != model_id][:top]

    def view(self, model_id, view):
        if not 0 <= view < VIEWS:
            raise UserError(f"{model_id} has no view {view}")
        return np.full((16, 16, 3), 80 * view, np.uint8)

    def _hits(self, place, top, category, word=""):
        self.asked.append((top, category))
        near = sorted(enumerate(self.models), key=lambda pair: abs(pair[0] - place))
        chosen = [m for _, m in near if category in (None, m.category)][:top]
        return [
            Hit(rank, m.id, m.category, 1 - rank / 50, word, rank % VIEWS, m.path)
            for rank, m in enumerate(chosen, 1)
        ]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[Model]:
    folder = tmp_path_factory.mktemp("models")
    found = []
    for i in range(40):
        path = folder / f"{i:02}.obj"
        trimesh.creation.box(extents=(1, 1 + i / 10, 1)).export(path)
        found.append(
            Model(f"{'box' if i % 2 else 'crate'}/{i:02}", "box" if i % 2 else "crate", path)
        )
    found.append(Model(NASTY, "", found[0].path))
    return found


@pytest.fixture
def library(models) -> SmallLibrary:
    return SmallLibrary(models)


@pytest.fixture
def client(library):
    with client_of(library) as client:
        yield client


def client_of(library, **limits) -> TestClient:
    app = create_app(library, "crates", replace(ServerLimits(), **limits), ["testserver"])
    return TestClient(app, raise_server_exceptions=False)


def photo(level: int = 0, size=(40, 30), kind="PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (level,) * 3).save(buffer, kind)
    return buffer.getvalue()


def ask(client, content: bytes, headers=JSON, **fields):
    return client.post("/search", files={"photo": ("p.jpg", content)}, data=fields, headers=headers)


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its few bytes hold."""
    import zlib

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    )


def test_the_answer_is_the_librarys(client, library):
    hits = ask(client, photo(255), top="5").json()["hits"]
    expected = library.search(photo(255), 5)
    assert [(h["rank"], h["model"], h["category"]) for h in hits] == [
        (h.rank, h.model, h.category) for h in expected
    ]
    assert hits[0]["score"] == pytest.approx(expected[0].score)
    assert hits[0]["path"] == str(expected[0].path)
    for name in ("mesh", "view", "similar"):
        assert client.get(hits[0][name]).status_code == 200


def test_each_model_has_its_likeness_and_an_unfamiliar_photo_is_called_so(client, library):
    usual, blank = (ask(client, photo(level)).json() for level in (0, 255))
    assert usual["familiar"] and {h["likeness"] for h in usual["hits"]} == {"like it"}
    assert not blank["familiar"] and {h["likeness"] for h in blank["hits"]} == {"not much like it"}
    similar = f"/models/{key_of(library.models[3].id)}/similar"
    pages = [ask(client, photo(level), headers=PARTIAL).text for level in (0, 255)]
    pages.append(client.get(similar, headers=PARTIAL).text)
    assert [page.count("Nothing here is much like it.") for page in pages] == [0, 1, 0]
    assert [page.count("likeness") for page in pages] == [24, 24, 0]


def test_category_and_number_reach_the_library(client, library):
    assert ask(client, photo(), top="7", category="box").status_code == 200
    assert library.asked[-1] == (7, "box")
    key = key_of(library.models[3].id)
    hits = client.get(f"/models/{key}/similar?category=crate&top=4", headers=JSON).json()["hits"]
    assert {h["category"] for h in hits} == {"crate"}
    assert len(hits) == 4
    for fields in (
        {"category": "sofa"},
        {"top": "0"},
        {"top": "97"},
        {"top": "٣"},
        {"top": "-1"},
        {"top": "9" * 4000},
    ):
        assert ask(client, photo(), **fields).status_code == 400


def test_one_address_gives_page_part_and_json(client):
    page = ask(client, photo(), headers={"Accept": "text/html"}).text
    part = ask(client, photo(), headers=PARTIAL).text
    assert page.startswith("<!doctype html>")
    assert part in page
    assert "<html" not in part
    assert part.count("<li>") == len(ask(client, photo()).json()["hits"]) == 24


def test_what_was_added_since_is_found(client, library, models):
    added = Model("crate/new", "crate", models[0].path)
    library.next = SmallLibrary([added, *models])
    assert client.get(f"/models/{key_of(added.id)}").status_code == 404
    assert ask(client, photo(0)).json()["hits"][0]["model"] == "crate/new"
    assert client.get(f"/models/{key_of(added.id)}").status_code == 200
    assert client.get("/", headers=JSON).json() == {"models": 42}


def test_ids_are_escaped(client):
    page = client.get(f"/models/{key_of(NASTY)}").text
    assert "<b>" not in page
    assert "&lt;b&gt;ü &amp; &#34;x&#34; %2e%2e" in page


def test_views_are_the_librarys(client, library):
    key = key_of(library.models[0].id)
    answer = client.get(f"/models/{key}/views/2.webp")
    assert answer.headers["content-type"] == "image/webp"
    assert abs(int(np.asarray(Image.open(io.BytesIO(answer.content))).mean()) - 160) < 4
    for view in ("3", "9" * 5000, "-1", "x", "٣", "1e3"):
        assert client.get(f"/models/{key}/views/{view}.webp").status_code == 404


def test_a_model_opens_whatever_view_is_named(client, library):
    key = key_of(library.models[0].id)
    for view, shown in (("2", 2), ("", 0), ("x", 0), ("9" * 5000, 0)):
        page = client.get(f"/models/{key}", params={"view": view})
        assert page.status_code == 200
        assert f"/views/{shown}.webp" in page.text


def test_the_mesh_is_sent_as_it_is(client, library):
    model = library.models[5]
    answer = client.get(f"/models/{key_of(model.id)}/mesh")
    assert answer.content == model.path.read_bytes()
    assert answer.headers["content-disposition"] == 'attachment; filename="05.obj"'
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "path",
    [
        "/models/../../etc/passwd",
        "/models/..%2f..%2f..%2fetc%2fpasswd/mesh",
        "/models/%2e%2e/%2e%2e/etc/passwd",
        "/models//etc/passwd/mesh",
        "/models/crate/00/mesh",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2fapp.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/..%5c..%5capp.py",
        "/static/",
        "/templates/page.html.j2",
        "/static/page.css%00.js",
    ],
)
def test_nothing_else_can_be_fetched(client, path):
    answer = client.get(path, headers=JSON)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "status"}
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/static/page.js", "/search", "/static/three.js"]
)
def test_every_answer_has_the_security_headers(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_name_no_other_origin_and_hold_nothing_inline(client, library):
    key = key_of(library.models[0].id)
    pages = [client.get(p).text for p in ("/", f"/models/{key}", f"/models/{key}/similar", "/x")]
    for page in pages:
        assert not re.search(r"https?://|//[a-z]", page.replace("http://www.w3.org/", ""))
        assert not re.search(r"\s(on\w+|style)=", page)
        assert not re.search(r"<script(?![^>]*src=\"/static/)", page)


def test_a_large_upload_is_refused(library):
    with client_of(library, upload_bytes=5000) as client:
        assert ask(client, photo()).status_code == 200
        answer = ask(client, b"x" * 6000)
        assert answer.status_code == 413
        assert "larger than" in answer.json()["error"]

        def chunks():
            yield b'--b\r\nContent-Disposition: form-data; name="photo"; filename="p"\r\n\r\n'
            for _ in range(100):
                yield b"x" * 1000

        kind = {"Content-Type": "multipart/form-data; boundary=b", **JSON}
        assert client.post("/search", content=chunks(), headers=kind).status_code == 413


@pytest.mark.parametrize(
    ("width", "height"), [(30000, 30000), (8001, 8000), (2**31 - 1, 2**31 - 1)]
)
def test_a_decompression_bomb_is_not_decoded(client, width, height):
    answer = ask(client, bomb(width, height))
    assert answer.status_code == 413
    assert "64 million pixels" in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"just text", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (b"%PDF-1.4\n", 415),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415),
        (b"PK\3\4" + bytes(100), 415),
        (photo()[:60], 422),
        (photo(kind="JPEG")[:400], 422),
        (photo(size=(2, 2)), 422),
        (b"\x89PNG\r\n\x1a\n", 415),
        (b"", 400),
    ],
)
def test_what_is_no_photo_is_refused_by_its_content(client, content, status):
    answer = ask(client, content)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert len(answer.json()["error"].splitlines()) == 1
    page = ask(client, content, headers=PARTIAL)
    assert 'role="alert"' in page.text


def test_malformed_forms_are_refused(client):
    kind = {"Content-Type": "multipart/form-data; boundary=b", **JSON}
    assert client.post("/search", content=b"nonsense", headers=kind).status_code == 400
    assert client.post("/search", content=b"x", headers=JSON).status_code == 400
    assert client.post("/search", data={"photo": "text"}, headers=JSON).status_code == 400
    many = [("photo", ("p", photo()))] * 3
    assert client.post("/search", files=many, headers=JSON).status_code == 400
    assert ask(client, photo(), other="x" * 5000).status_code == 400
    for length in ("-1", "²", "9" * 5000):
        strange = {"Content-Length": length.encode(), "Content-Type": kind["Content-Type"]}
        assert client.post("/search", content=b"x", headers=strange).status_code in (400, 413)


def test_a_client_has_its_share(library):
    with client_of(library, rate="3/minute") as client:
        codes = [ask(client, photo()).status_code for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        refused = ask(client, photo())
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert "Try again in" in refused.json()["error"]
        assert client.get("/").status_code == 200
    other = TestClient(client.app, client=("10.9.8.7", 1))
    assert ask(other, photo()).status_code == 200


def test_a_rate_that_is_not_understood_says_how_to_write_it(library):
    with pytest.raises(UserError, match="60/minute"):
        client_of(library, rate="often")


def test_another_site_cannot_ask(client):
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        assert ask(client, photo(), headers={**JSON, "Sec-Fetch-Site": site}).status_code == status
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


# Over plain HTTP on a network, browsers send no Sec-Fetch-Site; but the origin, with each upload.
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://testserver", 200),
        ("https://testserver", 200),
        ("http://testserver:8000", 403),
        ("http://evil.example", 403),
        ("http://testserver.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_the_origin_of_an_upload_is_this_server(client, origin, status):
    assert ask(client, photo(), headers={**JSON, "Origin": origin}).status_code == status


TOKEN = "a token of sixteen characters"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (basic(f"anyone:{TOKEN}"), 200),
        (basic(f":{TOKEN}"), 200),
        (basic(TOKEN), 401),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer", 401),
        ("Basic %%%", 401),
        (TOKEN, 401),
        (None, 401),
    ],
)
def test_with_a_token_nothing_is_told_without_it(library, given, status):
    app = create_app(library, "crates", ServerLimits(), ["testserver"], TOKEN)
    headers = {} if given is None else {"Authorization": given}
    with TestClient(app) as client:
        for path in ("/", "/static/three.js", "/models/none"):
            answer = client.get(path, headers=headers)
            assert (answer.status_code == 401) == (status == 401)
            assert ("www-authenticate" in answer.headers) == (status == 401)
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert ask(client, photo(), headers={**JSON, **headers}).status_code == status


@pytest.mark.parametrize("token", ["", "short", "ä" * 20, "with a line break\n"])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(token):
    with pytest.raises(UserError, match="16 printable ASCII"):
        check_token(token)


def test_a_second_of_work_counts_as_a_search(library):
    def slow(*_):
        time.sleep(2.1)
        return []

    library.search = slow
    with client_of(library, rate="4/minute") as client:
        assert [ask(client, photo()).status_code for _ in range(3)] == [200, 200, 429]


def test_a_client_that_waits_often_leaves_room_for_others():
    async def crowd() -> list[int]:
        gate = Gate(1, replace(ServerLimits(), waiting=3, waiting_each=1, wait_seconds=5))
        codes: list[int] = []
        end = anyio.Event()

        async def come(client: str) -> None:
            try:
                async with gate.enter(client):
                    await end.wait()
                codes.append(200)
            except HTTPException as error:
                codes.append(error.status_code)

        async with anyio.create_task_group() as tasks:
            for client in ("greedy", "greedy", "greedy", "greedy", "other", "third", "late"):
                tasks.start_soon(come, client)
                await anyio.wait_all_tasks_blocked()
            end.set()
        return codes

    # One is let in and one of each waits; there is no room for the last.
    assert anyio.run(crowd) == [503, 503, 503, 200, 200, 200, 200]


def test_a_failure_of_the_program_shows_no_inside(client, library):
    def fail(*_):
        raise RuntimeError("secret")

    library.search = fail
    answer = ask(client, photo())
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_the_librarys_word_on_a_photo_reaches_the_client(client, library):
    def refuse(*_):
        raise ItemError("it is upside down")

    library.search = refuse
    answer = ask(client, photo())
    assert answer.status_code == 422
    assert "upside down" in answer.json()["error"]


def test_three_js_is_the_installed_one(client):
    script = client.get("/static/three.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "TrackballControls" in script.text
    assert "$B64GLTF" not in script.text


def test_the_json_is_plain(client):
    assert json.loads(client.get("/", headers=JSON).text) == {"models": 41}
