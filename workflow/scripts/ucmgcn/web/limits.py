"""Limits: rates per client, work at a time, sizes and times."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ucmgcn.core.errors import UserError
from ucmgcn.media.photos import MAX_PIXELS


@dataclass(frozen=True)
class ServerLimits:
    """Limits of the server, each with the status code beyond it.

    Attributes
    ----------
    upload_bytes, upload_seconds
        Size of a request, and the time in which it must have arrived: 413 and 408.
    pixels
        Width times height of a photo, read from its header: 413.
    rate
        Searches and mesh conversions of one client, each counted by itself: 429.
    encodings, waiting, wait_seconds
        Photos described at a time, how many more may wait, and how long: 503.
    mesh_seconds, mesh_bytes
        Time to convert a mesh for the 3D view, and the largest result: 413.
    mesh_cache_bytes, view_cache_bytes
        Memory that keeps converted meshes and encoded views.
    waiting_each
        Photos or meshes of one client that may wait: 503.
    connections, connections_each
        Open connections: 503; and those of one client: closed.
    """

    upload_bytes: int = 20 * 2**20
    upload_seconds: float = 30.0
    pixels: int = MAX_PIXELS
    rate: str = "60/minute"
    encodings: int = 1
    waiting: int = 64
    wait_seconds: float = 30.0
    mesh_seconds: float = 30.0
    mesh_bytes: int = 96 * 2**20
    mesh_cache_bytes: int = 192 * 2**20
    view_cache_bytes: int = 32 * 2**20
    waiting_each: int = 4
    connections: int = 512
    connections_each: int = 64


class RateLimit:
    """A moving window over the requests of each client."""

    def __init__(self, rate: str) -> None:
        try:
            self._item = parse(rate)
        except ValueError as error:
            raise UserError(_no_rate(rate)) from error
        if self._item.amount < 1 or self._item.multiples < 1:
            raise UserError(_no_rate(rate))
        self._window = MovingWindowRateLimiter(MemoryStorage())

    async def check(self, request: Request, what: str) -> None:
        """Count a request.

        Raises
        ------
        HTTPException
            429 if the client has had its share, with the seconds to wait.
        """
        client = client_of(request)
        if await self._window.hit(self._item, client, what):
            return
        stats = await self._window.get_window_stats(self._item, client, what)
        wait = max(1, math.ceil(stats.reset_time - time.time()))
        raise HTTPException(
            429, f"Too many requests. Try again in {wait} s.", headers={"Retry-After": str(wait)}
        )

    @asynccontextmanager
    async def timed(self, request: Request, what: str) -> AsyncIterator[None]:
        """Count each full second of the server's work as a further request of the client."""
        start = time.monotonic()
        try:
            yield
        finally:
            for _ in range(int(time.monotonic() - start)):
                await self._window.hit(self._item, client_of(request), what)


def _no_rate(rate: str) -> str:
    return f"the rate {rate!r} is none; write it like 60/minute or 5/second, at least 1"


def client_of(request: Request) -> str:
    """Address that requests are counted by: IPv4, or the /64 of IPv6."""
    return network_of(request.client.host if request.client else "")


def network_of(host: str) -> str:
    """Address of a client, or the network that one client has: the /64 of IPv6."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        # A socket for both versions names IPv4 clients like this.
        address = address.ipv4_mapped or address
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


class Gate:
    """Let some tasks run at a time, some more wait, and refuse the others."""

    def __init__(self, places: int, limits: ServerLimits) -> None:
        self._places = anyio.Semaphore(places)
        self._limits = limits
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def enter(self, client: str) -> AsyncIterator[None]:
        """Wait for a place.

        Raises
        ------
        HTTPException
            503 if too many wait already, of all clients or of this one, or if none became free in
            time.
        """
        limits, waiting = self._limits, self._waiting
        if waiting.total() >= limits.waiting or waiting[client] >= limits.waiting_each:
            raise _busy()
        waiting[client] += 1
        try:
            with anyio.fail_after(limits.wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            waiting[client] -= 1
            if not waiting[client]:
                del waiting[client]
        try:
            yield
        finally:
            self._places.release()


def _busy() -> HTTPException:
    return HTTPException(
        503, "The server is busy. Try again in a few seconds.", headers={"Retry-After": "5"}
    )
