"""Who may ask: pages of this server only, and those who know the token."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
)
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response

from ucmgcn.core.errors import UserError

LEAST_TOKEN = 16  # characters: too many to be guessed
CHALLENGE = {"WWW-Authenticate": 'Basic realm="ucmgcn", charset="UTF-8"'}


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a page of this server, or from no page at all.

    Browsers name the page's origin with every upload; the site of a fetch they tell over TLS and
    to this machine only. Programs other than browsers send neither.
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def check_token(token: str) -> str:
    """Return a token that cannot be guessed.

    Raises
    ------
    UserError
        If it is too short, or holds what no header can.
    """
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable():
        raise UserError(
            f"the token has to have {LEAST_TOKEN} printable ASCII characters or more; make one by "
            f"python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


class TokenBackend(AuthenticationBackend):
    """Takes a token as a bearer token, and as the password of any user, for which a browser asks.

    Parameters
    ----------
    token
        See `check_token`.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser]:
        """Let a request pass.

        Raises
        ------
        AuthenticationError
            If it does not have the token.
        """
        given = given_token(conn.headers.get("authorization", ""))
        # In constant time: how long it takes tells nothing.
        if not secrets.compare_digest(given, self._token):
            raise AuthenticationError("This server asks for its token.")
        return AuthCredentials(["authenticated"]), SimpleUser("")


def given_token(header: str) -> bytes:
    """Read the token of an Authorization header; empty if there is none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def ask_for_token(_: HTTPConnection, error: AuthenticationError) -> Response:
    """Refuse a request without the token; a browser then asks its user for a password."""
    return PlainTextResponse(str(error), 401, CHALLENGE)
