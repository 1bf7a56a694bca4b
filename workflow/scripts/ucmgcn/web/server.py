"""Run the application: listen, limit the time of connections, shut down."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from ucmgcn.core.errors import UserError
from ucmgcn.web.limits import ServerLimits, network_of

# Seconds between requests, for open ones at shutdown, and from the response to a late upload to
# hanging up.
KEEP_ALIVE, SHUTDOWN, GRACE = 10, 5, 5
BACKLOG = 2048
ADVICE = ("Unsupported upgrade request", "No supported WebSocket library")


def bounded_protocol(seconds: float, most: int) -> type[H11Protocol]:
    """Make a protocol with bounds for each client: its connections, and the time of its requests.

    Uvicorn bounds the time between requests only, so a client that sends its header or its body
    byte by byte would hold its connection for ever. The application responds to a late upload
    first. Uvicorn bounds the connections of all clients together, so one could take them all.

    Parameters
    ----------
    seconds
        In which a request must have arrived.
    most
        Connections of one client; one more is closed at once.
    """
    open_now: Counter[str] = Counter()

    class BoundedProtocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _counted = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._counted = network_of((transport.get_extra_info("peername") or ("",))[0])
            open_now[self._counted] += 1
            if open_now[self._counted] > most:
                transport.abort()
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            open_now[self._counted] -= 1
            if not open_now[self._counted]:
                del open_now[self._counted]
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

    return BoundedProtocol


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


def names(host: str, allowed: Sequence[str] = ()) -> list[str]:
    """Host names that the server accepts.

    Those that are allowed, and those of the loopback address; any, if none are and others than
    this machine can reach it.
    """
    if not is_loopback(host) and not allowed:
        return ["*"]
    return ["localhost", "127.0.0.1", "[::1]", "::1", host, *allowed]


def address(server: socket.socket, host: str, scheme: str = "http") -> str:
    """URL that a browser opens."""
    port = server.getsockname()[1]
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


@dataclass(frozen=True)
class Certificate:
    """Files of TLS, as PEM: the certificate with its chain, and its key, without a password."""

    chain: Path
    key: Path | None


def make_server(
    app: Starlette, limits: ServerLimits, certificate: Certificate | None = None
) -> uvicorn.Server:
    """Make the server; its `run` ends at Ctrl-C or SIGTERM, open requests get some seconds more.

    Raises
    ------
    UserError
        If the certificate or its key cannot be used.
    """
    # It advises to install a package for WebSockets, which nothing here speaks.
    logging.getLogger("uvicorn.error").addFilter(_is_no_advice)
    config = uvicorn.Config(
        app,
        http=bounded_protocol(limits.upload_seconds + GRACE, limits.connections_each),
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
        ssl_certfile=certificate.chain if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
        # None at all: else OpenSSL asks the terminal for it.
        ssl_keyfile_password="",  # nosec B106
    )
    try:
        config.load()
    except OSError as error:  # also those of OpenSSL
        raise UserError(_unusable(certificate, error)) from error
    return uvicorn.Server(config)


def _is_no_advice(record: logging.LogRecord) -> bool:
    return not any(words in record.getMessage() for words in ADVICE)


def _unusable(certificate: Certificate | None, error: OSError) -> str:
    parts = (certificate.chain, certificate.key) if certificate else ()
    files = " ".join(str(path) for path in parts if path)
    return (
        f"the certificate {files} cannot be used ({error.strerror or error}). Give both files as "
        f"PEM, the key without a password"
    )
