"""Run the application: listen, limit the time of connections, shut down."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from ucmgcn.core.errors import UserError
from ucmgcn.web.limits import ServerLimits

# Seconds between requests, for open ones at shutdown, and from the response to a late upload to
# hanging up.
KEEP_ALIVE, SHUTDOWN, GRACE = 10, 5, 5
BACKLOG = 2048


def timed_protocol(seconds: float) -> type[H11Protocol]:
    """Make a protocol that closes the connection when a request does not arrive in time.

    Uvicorn bounds the time between requests only, so a client that sends its header or its body
    byte by byte would hold its connection for ever. The application responds to a late upload
    first.
    """

    class TimedProtocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _watch(self) -> None:
            if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
                self._stop()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(seconds, self.transport.abort)

        def _stop(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return TimedProtocol


def listen(host: str, port: int) -> socket.socket:
    """Open the socket.

    Raises
    ------
    UserError
        If the address is taken, not this machine's, or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        server = socket.socket(family, kind, protocol)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        # From here on clients can connect; they wait until the server runs.
        server.listen(BACKLOG)
    except OSError as error:
        raise UserError(_refused(host, port, error)) from error
    return server


def _refused(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"--host {host}: no such address ({error.strerror})"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken; stop what listens there, or choose another --port"
    if error.errno == errno.EACCES:
        return f"port {port} is not allowed without privileges; choose a --port above 1023"
    return f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def names(host: str) -> list[str]:
    """Host names that the server accepts: any, unless it is on the loopback address."""
    return ["localhost", "127.0.0.1", "[::1]", "::1", host] if is_loopback(host) else ["*"]


def address(server: socket.socket, host: str) -> str:
    """URL that a browser opens."""
    port = server.getsockname()[1]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def make_server(app: Starlette, limits: ServerLimits) -> uvicorn.Server:
    """Make the server; its `run` ends at Ctrl-C or SIGTERM, open requests get some seconds more."""
    config = uvicorn.Config(
        app,
        http=timed_protocol(limits.upload_seconds + GRACE),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        # No proxy headers: a client must not choose the address that it is counted by.
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=limits.connections,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=SHUTDOWN,
    )
    return uvicorn.Server(config)
