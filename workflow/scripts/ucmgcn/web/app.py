"""The web application: addresses, and what each of them answers.

A model is addressed by a key that is looked up in a table, never by a path, so that only files of
the data set can be fetched.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import anyio.to_thread
from cachetools import LRUCache
from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.index.file import Model
from ucmgcn.search.library import Hit, Library
from ucmgcn.web import uploads, viewer
from ucmgcn.web.glb import GlbCache
from ucmgcn.web.limits import Gate, Limits, RateLimit
from ucmgcn.web.pages import FOLDER, Pages, SecurityHeaders

logger = logging.getLogger(__name__)

TOP, MOST = 24, 96
# Meshes would take seconds to compress, for a client that is seldom far away.
AS_IT_IS = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream", "model/gltf-binary")
A_DAY = {"Cache-Control": "private, max-age=86400"}
ASK_AGAIN = {"Cache-Control": "private, no-cache"}


@dataclass(frozen=True)
class Query:
    """What narrows a search: the number of models and their category."""

    top: int
    category: str | None


@dataclass(frozen=True)
class Catalogue:
    """An opened library, its models by their keys, and their categories."""

    library: Library
    models: Mapping[str, Model]
    categories: Sequence[str]

    @classmethod
    def of(cls, library: Library) -> Self:
        """List the models of a library."""
        models = {key_of(model.id): model for model in library.models}
        return cls(library, models, library.categories)


class Site:
    """The handlers, and what they share."""

    def __init__(self, library: Library, dataset: str, limits: Limits) -> None:
        self.catalogue, self.limits = Catalogue.of(library), limits
        self.rate = RateLimit(limits.rate)
        self.gate = Gate(limits.encodings, limits.waiting, limits.wait_seconds)
        self.glb = GlbCache(limits)
        self.views: LRUCache[tuple[str, int], bytes] = LRUCache(limits.view_cache_bytes, len)
        self.pages = Pages(
            {
                "dataset": dataset,
                "limits": limits,
                "formats": uploads.known_formats(),
                "key_of": key_of,
                "top_step": TOP,
                "top_most": MOST,
            }
        )

    async def home(self, request: Request) -> Response:
        """Answer with the page to start from."""
        return self._page(request, "start", {}, json={"models": len(self.catalogue.models)})

    async def search(self, request: Request) -> Response:
        """Rank the models for an uploaded photo."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, "Searches are taken from this page only.")
        await self.rate.check(request, "search")
        async with uploads.read_form(request, self.limits) as form:
            query = self._query(form)
            photo = uploads.photo_of(form)
            async with self.gate.enter():
                hits = await anyio.to_thread.run_sync(self._answer, photo.file, query)
        return self._results(request, hits, query, None)

    async def similar(self, request: Request) -> Response:
        """Rank the models by their likeness to one of them."""
        model, query = self._model(request), self._query(request.query_params)
        await self.rate.check(request, "search")
        async with self.gate.enter():
            hits = await anyio.to_thread.run_sync(self._similar, model.id, query)
        return self._results(request, hits, query, model)

    async def model(self, request: Request) -> Response:
        """Show one model."""
        model = self._model(request)
        view = number_in(request.query_params.get("view", "0"))
        data = {
            "model": model,
            "suffix": model.path.suffix.lower(),
            "view": view or 0,
        }
        json = described(model.id, model.category, model.path)
        return self._page(request, "model", data, json=json)

    async def view(self, request: Request) -> Response:
        """Send one rendered view of a model."""
        model, view = self._model(request), number_in(request.path_params["view"])
        if view is None:
            raise HTTPException(404, "There is no such view.")
        encoded = self.views.get((model.id, view))
        if encoded is None:
            encoded = await anyio.to_thread.run_sync(self._encode_view, model.id, view)
            self.views[model.id, view] = encoded
        return Response(encoded, media_type="image/webp", headers=ASK_AGAIN)

    async def mesh(self, request: Request) -> Response:
        """Send the mesh's file as it lies in the data set."""
        path = self._model(request).path
        if not path.is_file():
            raise HTTPException(404, "The mesh's file is no longer there.")
        return FileResponse(
            path, filename=path.name, media_type="application/octet-stream", headers=ASK_AGAIN
        )

    async def mesh_glb(self, request: Request) -> Response:
        """Send the mesh as binary glTF, which the 3D view reads."""
        model = self._model(request)
        await self.rate.check(request, "mesh")
        try:
            glb = await self.glb.get(model.path)
        except ItemError as error:
            raise HTTPException(422, f"This mesh has no 3D view: {error}.") from None
        name = f'attachment; filename="{key_of(model.id)}.glb"'
        headers = {**ASK_AGAIN, "Content-Disposition": name}
        return Response(glb, media_type="model/gltf-binary", headers=headers)

    async def three_js(self, _: Request) -> Response:
        """Send the 3D viewer's script."""
        return Response(viewer.three_js(), media_type="text/javascript", headers=A_DAY)

    async def failed(self, request: Request, error: Exception) -> Response:
        """Answer a request that is refused."""
        assert isinstance(error, HTTPException)
        text = {
            404: "There is nothing at this address.",
            405: "This address does not take such a request.",
        }
        plain = error.detail in ("Not Found", "Method Not Allowed")
        message = text[error.status_code] if plain else error.detail
        return self._error(request, error.status_code, message, error.headers)

    async def broken(self, request: Request, _: Exception) -> Response:
        """Answer when the program failed; the traceback goes to the log."""
        return self._error(request, 500, "Something went wrong on the server.", None)

    async def unusable(self, request: Request, error: Exception) -> Response:
        """Answer when the results of the run cannot be used any more."""
        logger.error("%s", error)
        return self._error(request, 500, str(error), None)

    async def gone(self, _: Request, error: Exception) -> Response:
        """End a request whose client has hung up."""
        return Response(status_code=400)

    def _error(self, request: Request, status: int, text: str, headers: Any) -> Response:
        return self._page(
            request,
            "error",
            {"message": text},
            json={"error": text, "status": status},
            status=status,
            headers=headers,
        )

    def _answer(self, file: IO[bytes], query: Query) -> Sequence[Hit]:
        uploads.check_photo(file, self.limits)
        file.seek(0)
        try:
            return self._current().answer(file.read(), query.top, query.category)
        except ItemError as error:
            raise HTTPException(422, f"The photo cannot be used: {error}.") from None

    def _similar(self, id: str, query: Query) -> Sequence[Hit]:
        return self._current().similar(id, query.top, query.category)

    def _current(self) -> Library:
        """Take in what was added to the library, or found by a new run, since the last search."""
        try:
            library = self.catalogue.library.current()
        except UserError as error:
            # A run that is under way; what was found before still answers.
            logger.warning("%s", error)
            return self.catalogue.library
        if library is not self.catalogue.library:
            self.views.clear()
            self.catalogue = Catalogue.of(library)
        return library

    def _page(self, request: Request, part: str, data: Mapping[str, Any], **how: Any) -> Response:
        return self.pages.answer(request, part, {"catalogue": self.catalogue, **data}, **how)

    def _results(
        self, request: Request, hits: Sequence[Hit], query: Query, like: Model | None
    ) -> Response:
        data = {"hits": hits, "query": query, "like": like}
        json = {"hits": [described_hit(hit) for hit in hits]}
        return self._page(request, "results", data, json=json)

    def _model(self, request: Request) -> Model:
        model = self.catalogue.models.get(request.path_params["key"])
        if model is None:
            raise HTTPException(404, "There is no such model.")
        return model

    def _query(self, fields: Any) -> Query:
        category = str(fields.get("category") or "") or None
        if category and category not in self.catalogue.categories:
            raise HTTPException(400, "There is no such category.")
        top = number_in(str(fields.get("top") or TOP))
        if top is None or not 1 <= top <= MOST:
            raise HTTPException(400, f"The number of models, top, is from 1 to {MOST}.")
        return Query(top, category)

    def _encode_view(self, id: str, view: int) -> bytes:
        try:
            pixels = self.catalogue.library.view(id, view)
        except UserError as error:
            logger.warning("%s", error)
            raise HTTPException(404, "There is no such view.") from None
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "WEBP", quality=86, method=2)
        return buffer.getvalue()


def create_app(
    library: Library, dataset: str, limits: Limits, hosts: Sequence[str] = ("*",)
) -> Starlette:
    """Make the application.

    Parameters
    ----------
    library
        Where the models are searched.
    dataset
        Its name, for the page's heading.
    limits
        Bounds of what clients may ask.
    hosts
        Names by which the server may be called; others are refused, so that a page from elsewhere
        cannot reach a server on this machine by a name of its own (DNS rebinding).
    """
    site = Site(library, dataset, limits)
    model = "/models/{key:str}"
    routes = [
        Route("/", site.home),
        Route("/search", site.search, methods=["POST"]),
        Route(model, site.model),
        Route(f"{model}/similar", site.similar),
        Route(f"{model}/views/{{view:str}}.webp", site.view),
        Route(f"{model}/mesh", site.mesh),
        Route(f"{model}/mesh.glb", site.mesh_glb),
        Route("/static/three.js", site.three_js),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]
    middleware = [
        Middleware(SecurityHeaders),
        Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        Middleware(GZipMiddleware, compresslevel=5, exclude_content_types=AS_IT_IS),
    ]
    handlers: dict[Any, Any] = {
        HTTPException: site.failed,
        UserError: site.unusable,
        ClientDisconnect: site.gone,
        Exception: site.broken,
    }
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


def warm_up(library: Library) -> None:
    """Answer a blank photo, so that the first client does not wait for the encoder to open."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(buffer, "PNG")
    library.answer(buffer.getvalue(), 1)


def key_of(id: str) -> str:
    """Key of a model in addresses: the same whatever characters its id has."""
    return hashlib.sha256(id.encode(errors="surrogateescape")).hexdigest()[:16]


def number_in(text: str) -> int | None:
    """Read a number of up to six digits; None if the text is not one."""
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else None


def described(id: str, category: str, path: Path) -> dict[str, Any]:
    """Describe a model in JSON."""
    address = f"/models/{key_of(id)}"
    return {
        "model": id,
        "category": category,
        "path": str(path),
        "mesh": f"{address}/mesh",
        "similar": f"{address}/similar",
    }


def described_hit(hit: Hit) -> dict[str, Any]:
    """Describe a model that was found in JSON."""
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        **described(hit.model, hit.category, hit.path),
        "view": f"/models/{key_of(hit.model)}/views/{hit.view}.webp",
    }
