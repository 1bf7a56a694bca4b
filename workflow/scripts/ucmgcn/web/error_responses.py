"""Responses to requests that are refused, or that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ucmgcn.core.errors import UserError

logger = logging.getLogger(__name__)

# Starlette's own messages, and ours.
PLAIN = {
    "Not Found": "There is nothing at this address.",
    "Method Not Allowed": "This address does not take such a request.",
}


class ErrorResponses:
    """A handler for each kind of error.

    Parameters
    ----------
    page
        Responds in the form that a request asks for, see `ucmgcn.web.pages.Pages.respond`.
    """

    def __init__(self, page: Callable[..., Response]) -> None:
        self._page = page

    def handlers(self) -> dict[Any, Any]:
        """Return the handler of each type of error."""
        return {
            HTTPException: self.refused,
            UserError: self.unusable,
            ClientDisconnect: self.gone,
            Exception: self.failed,
        }

    async def refused(self, request: Request, error: HTTPException) -> Response:
        """Refuse a request."""
        message = PLAIN.get(error.detail, error.detail)
        return self._error(request, error.status_code, message, error.headers)

    async def failed(self, request: Request, _: Exception) -> Response:
        """Report a failure of the program; the traceback goes to the log."""
        return self._error(request, 500, "Something went wrong on the server.", None)

    async def unusable(self, request: Request, error: UserError) -> Response:
        """Report that the results of the run can no longer be used."""
        logger.error("%s", error)
        return self._error(request, 500, str(error), None)

    async def gone(self, _: Request, error: ClientDisconnect) -> Response:
        """End a request whose client has hung up."""
        return Response(status_code=400)

    def _error(
        self, request: Request, status: int, text: str, headers: Mapping[str, str] | None
    ) -> Response:
        json = {"error": text, "status": status}
        data = {"message": text}
        return self._page(request, "error", data, json=json, status=status, headers=headers)
