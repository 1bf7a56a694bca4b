"""The web application: routes and their handlers.

A model is addressed by a key that is looked up in a table, never by a path, so that only files of
the data set can be fetched.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import anyio.to_thread
from cachetools import LRUCache
from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.index.file import Model
from ucmgcn.search.hits import Hit
from ucmgcn.search.library import Library
from ucmgcn.search.likeness import UNFAMILIAR, is_familiar
from ucmgcn.web import uploads, viewer
from ucmgcn.web.access import TokenBackend, ask_for_token, is_same_origin
from ucmgcn.web.catalogue import Catalogue, described, described_hit, key_of
from ucmgcn.web.error_responses import ErrorResponses
from ucmgcn.web.glb import GlbCache
from ucmgcn.web.limits import Gate, RateLimit, ServerLimits, client_of
from ucmgcn.web.pages import FOLDER, Pages, SecurityHeaders

logger = logging.getLogger(__name__)

TOP, MOST = 24, 96
# Meshes would take seconds to compress, and clients are mostly near.
AS_IT_IS = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream", "model/gltf-binary")
A_DAY = {"Cache-Control": "private, max-age=86400"}
ASK_AGAIN = {"Cache-Control": "private, no-cache"}


@dataclass(frozen=True)
class SearchOptions:
    """What a request chooses: how many models are listed, and of which category."""

    top: int
    category: str | None


class Site:
    """The handlers, and the state that they share."""

    def __init__(self, library: Library, dataset: str, limits: ServerLimits) -> None:
        self.catalogue, self.limits = Catalogue.of(library), limits
        self.rate = RateLimit(limits.rate)
        self.gate = Gate(limits.encodings, limits)
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
                "unfamiliar": UNFAMILIAR,
            }
        )

    async def home(self, request: Request) -> Response:
        """Send the start page."""
        return self.page(request, "start", {}, json={"models": len(self.catalogue.models)})

    async def search(self, request: Request) -> Response:
        """Rank the models for an uploaded photo."""
        if not is_same_origin(request.headers):
            raise HTTPException(403, "Searches are taken from this page only.")
        await self.rate.check(request, "search")
        async with uploads.read_form(request, self.limits) as form:
            options = self._options(form)
            photo = uploads.photo_of(form)
            async with self.gate.enter(client_of(request)), self.rate.timed(request, "search"):
                hits = await anyio.to_thread.run_sync(self._search, photo.file, options)
        return self._results(request, hits, options, None)

    async def similar(self, request: Request) -> Response:
        """Rank the models by their similarity to one of them."""
        model, options = self._model(request), self._options(request.query_params)
        await self.rate.check(request, "search")
        async with self.gate.enter(client_of(request)), self.rate.timed(request, "search"):
            hits = await anyio.to_thread.run_sync(self._similar, model.id, options)
        return self._results(request, hits, options, model)

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
        return self.page(request, "model", data, json=json)

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
        """Send the mesh's own file."""
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
            async with self.rate.timed(request, "mesh"):
                glb = await self.glb.get(model.path, client_of(request))
        except ItemError as error:
            raise HTTPException(422, f"This mesh has no 3D view: {error}.") from None
        name = f'attachment; filename="{key_of(model.id)}.glb"'
        headers = {**ASK_AGAIN, "Content-Disposition": name}
        return Response(glb, media_type="model/gltf-binary", headers=headers)

    async def three_js(self, _: Request) -> Response:
        """Send the 3D viewer's script."""
        return Response(viewer.three_js(), media_type="text/javascript", headers=A_DAY)

    def _search(self, file: IO[bytes], options: SearchOptions) -> Sequence[Hit]:
        uploads.check_photo(file, self.limits)
        file.seek(0)
        try:
            return self._current().search(file.read(), options.top, options.category)
        except ItemError as error:
            raise HTTPException(422, f"The photo cannot be used: {error}.") from None

    def _similar(self, id: str, options: SearchOptions) -> Sequence[Hit]:
        return self._current().similar(id, options.top, options.category)

    def _current(self) -> Library:
        """Reopen the library if meshes were added, or the pipeline ran, since the last search."""
        try:
            library = self.catalogue.library.current()
        except UserError as error:
            # A run is under way; the models known so far can still be searched.
            logger.warning("%s", error)
            return self.catalogue.library
        if library is not self.catalogue.library:
            self.views.clear()
            self.catalogue = Catalogue.of(library)
        return library

    def page(self, request: Request, part: str, data: Mapping[str, Any], **how: Any) -> Response:
        """Respond in the form that a request asks for, see `Pages.respond`."""
        return self.pages.respond(request, part, {"catalogue": self.catalogue, **data}, **how)

    def _results(
        self, request: Request, hits: Sequence[Hit], options: SearchOptions, like: Model | None
    ) -> Response:
        familiar = is_familiar(hit.likeness for hit in hits)
        data = {"hits": hits, "options": options, "like": like, "familiar": familiar}
        json: dict[str, Any] = {"hits": [described_hit(hit) for hit in hits]}
        if like is None:
            json["familiar"] = familiar
        return self.page(request, "results", data, json=json)

    def _model(self, request: Request) -> Model:
        model = self.catalogue.models.get(request.path_params["key"])
        if model is None:
            raise HTTPException(404, "There is no such model.")
        return model

    def _options(self, fields: Any) -> SearchOptions:
        category = str(fields.get("category") or "") or None
        if category and category not in self.catalogue.categories:
            raise HTTPException(400, "There is no such category.")
        top = number_in(str(fields.get("top") or TOP))
        if top is None or not 1 <= top <= MOST:
            raise HTTPException(400, f"The number of models, top, is from 1 to {MOST}.")
        return SearchOptions(top, category)

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
    library: Library,
    dataset: str,
    limits: ServerLimits,
    hosts: Sequence[str] = ("*",),
    token: str | None = None,
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
    token
        What every request has to know, see `ucmgcn.web.access`; None asks for nothing.
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
        *([Middleware(AuthenticationMiddleware, **_asking(token))] if token else []),
        Middleware(GZipMiddleware, compresslevel=5, exclude_content_types=AS_IT_IS),
    ]
    handlers = ErrorResponses(site.page).handlers()
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


def _asking(token: str) -> dict[str, Any]:
    return {"backend": TokenBackend(token), "on_error": ask_for_token}


def warm_up(library: Library) -> None:
    """Search with a blank photo, so that the first client need not wait for the encoder."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(buffer, "PNG")
    library.search(buffer.getvalue(), 1)


def number_in(text: str) -> int | None:
    """Read a number of up to six digits; None if the text is not one."""
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else None
