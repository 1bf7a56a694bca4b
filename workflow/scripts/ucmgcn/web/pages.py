"""Responses as a whole page, as a part of the open page, or as JSON, at the same addresses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ucmgcn.core.templates import template_environment
from ucmgcn.media.formats import PHOTO_SUFFIXES

FOLDER = Path(__file__).parent
PARTIAL = "X-Partial"

# Nothing from elsewhere, nothing inline; blobs are the chosen photo and a mesh's own textures.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self' blob:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # With no-referrer a form without scripts would name no origin, and be refused.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SecurityHeaders:
    """Middleware: security headers on every response, and no caching unless it is allowed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and put the headers on its response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Pages:
    """The templates, with the values that all of them use."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._environment = template_environment(FOLDER / "templates")
        # Browsers do not know every type of photo as an image.
        types = ",".join(["image/*", *sorted(PHOTO_SUFFIXES)])
        self._environment.globals.update(known, photo_types=types)

    def respond(
        self,
        request: Request,
        part: str,
        data: Mapping[str, Any],
        *,
        json: Mapping[str, Any],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Respond in the form that the request asks for.

        Parameters
        ----------
        request
            `Accept: application/json` gets JSON, the header `X-Partial` the part alone, and
            anything else the whole page with the part in it.
        part
            Template of the part, without its ending.
        data, json
            What the template and what the JSON needs.
        """
        headers = {**(headers or {}), "Vary": f"Accept, {PARTIAL}"}
        if wants_json(request):
            return JSONResponse(dict(json), status, headers)
        template = f"{part}.html.j2" if PARTIAL in request.headers else "page.html.j2"
        text = self._environment.get_template(template).render(part=part, **data)
        return HTMLResponse(text, status, headers)


def wants_json(request: Request) -> bool:
    """Whether a request accepts JSON by name; a browser and a bare `*/*` get a page."""
    return "application/json" in request.headers.get("accept", "")
