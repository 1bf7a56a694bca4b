"""Soak test of the web page with many clients: answers, latency, and memory over time.

    python benchmarks/serve_soak.py --dataset NAME --photos DIR [--results DIR] [--clients 200]
                                    [--minutes 10] [--rate 600/minute]

Starts `ucmgcn serve` on a free port of the loopback address, and calls it from many clients, each
with its own loopback address (127.1.x.y), so that the rate limit counts each alone. A client acts
like a person without pauses: a search with a photo, the views of the first hits, now and then a
mesh in 3D, "more like this", a file that is not a photo, an address that does not exist. If the
server is busy (503) or the client too fast (429), the client waits as long as the server asks.
Meanwhile slow clients hold connections open with unfinished requests.

Prints the answers by kind and status, quantiles of the latency, the server's memory at the end of
each minute, and its growth from the end of the second minute to the last.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx2
import numpy as np
import psutil

FIRST_HITS, SLOW_CLIENTS = 6, 10
JSON = {"Accept": "application/json"}


@dataclass
class Seen:
    """Observations of the clients and of the server's memory."""

    statuses: Counter[tuple[str, int | str]] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: list[tuple[float, float]] = field(default_factory=list)


class Client:
    """One client with its own address."""

    def __init__(self, number: int, base: str, photos: list[bytes], seen: Seen) -> None:
        self._random, self._photos, self._seen = random.Random(number), photos, seen
        address = f"127.1.{number // 250}.{number % 250 + 1}"
        # Plain HTTP needs no certificates; 200 clients would load the machine's 200 times.
        transport = httpx2.AsyncHTTPTransport(local_address=address, verify=False)
        self._http = httpx2.AsyncClient(
            transport=transport, base_url=base, timeout=120, headers=JSON
        )

    async def run(self, until: float) -> None:
        """Visit the page repeatedly until a time of the monotonic clock."""
        async with self._http:
            while time.monotonic() < until:
                await self._visit()

    async def _visit(self) -> None:
        await self._call("page", "GET", "/")
        hits = await self._search(self._random.choice(self._photos))
        for hit in hits[:FIRST_HITS]:
            await self._call("view", "GET", hit["view"])
        if hits and self._random.random() < 0.3:
            await self._call("mesh", "GET", hits[0]["mesh"])
            await self._call("3d", "GET", f"{hits[0]['mesh']}.glb")
            await self._call("similar", "GET", hits[0]["similar"])
        if self._random.random() < 0.1:
            await self._search(self._random.randbytes(20_000))
            await self._call("no address", "GET", "/models/../../etc/passwd")

    async def _search(self, content: bytes) -> list[dict[str, str]]:
        answer = await self._call("search", "POST", "/search", files={"photo": content})
        return answer.json()["hits"] if answer and answer.status_code == 200 else []

    async def _call(
        self, what: str, method: str, path: str, **more: object
    ) -> httpx2.Response | None:
        start = time.perf_counter()
        try:
            answer = await self._http.request(method, path, **more)
        except httpx2.HTTPError as error:
            self._seen.statuses[what, type(error).__name__] += 1
            await asyncio.sleep(1)
            return None
        self._seen.statuses[what, answer.status_code] += 1
        if answer.status_code == 200:
            self._seen.seconds[what].append(time.perf_counter() - start)
        if wait := answer.headers.get("retry-after"):
            await asyncio.sleep(int(wait))
        return answer


async def drip(host: str, port: int, until: float) -> None:
    """Hold a connection with headers that never end; reconnect whenever the server hangs up."""
    while time.monotonic() < until:
        try:
            _, writer = await asyncio.open_connection(host, port)
            writer.write(b"POST /search HTTP/1.1\r\nHost: localhost\r\n")
            while time.monotonic() < until:
                writer.write(b"X-Slow: 1\r\n")
                await writer.drain()
                await asyncio.sleep(0.5)
            writer.close()
        except OSError:
            await asyncio.sleep(0.5)


async def watch(process: psutil.Process, seen: Seen, until: float) -> None:
    """Record the memory of the server and its children, in MB, every five seconds."""
    start = time.monotonic()
    while time.monotonic() < until:
        family = [process, *process.children(recursive=True)]
        total = sum(member.memory_info().rss for member in family if member.is_running())
        seen.memory.append((time.monotonic() - start, total / 1e6))
        await asyncio.sleep(5)


async def soak(base: str, photos: list[bytes], clients: int, minutes: float, pid: int) -> Seen:
    """Run all clients for `minutes`."""
    seen, url = Seen(), httpx2.URL(base)
    people = [Client(number, base, photos, seen) for number in range(clients)]
    until = time.monotonic() + 60 * minutes
    crowd = [person.run(until) for person in people]
    slow = [drip(url.host, url.port or 80, until) for _ in range(SLOW_CLIENTS)]
    await asyncio.gather(*crowd, *slow, watch(psutil.Process(pid), seen, until))
    return seen


def report(seen: Seen, minutes: float) -> None:
    """Print the observations."""
    click.echo("answers:")
    for (what, status), count in sorted(seen.statuses.items(), key=str):
        click.echo(f"  {what:10} {status!s:20} {count:8}")
    click.echo("latency of answers with 200, seconds:      50%     95%     99%     max per second")
    for what, values in sorted(seen.seconds.items()):
        quantiles = "".join(f"{q:8.3f}" for q in np.quantile(values, (0.5, 0.95, 0.99, 1)))
        click.echo(f"  {what:34} {quantiles} {len(values) / minutes / 60:8.1f}")
    times, memory = np.array(seen.memory).T
    ends = [memory[times <= 60 * minute][-1] for minute in range(1, int(minutes) + 1)]
    click.echo(f"memory at the end of each minute, MB: {' '.join(f'{m:.0f}' for m in ends)}")
    if len(ends) > 2:
        click.echo(f"growth from the end of minute 2 to the last: {ends[-1] - ends[1]:+.0f} MB")
        slope = np.polyfit(times[times > 120], memory[times > 120], 1)[0]
        click.echo(f"slope after minute 2: {60 * slope:+.2f} MB per minute")


@click.command()
@click.option("--dataset", required=True)
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--results", default="results", show_default=True)
@click.option("--clients", default=200, show_default=True)
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--rate", default="600/minute", show_default=True)
def main(dataset: str, photos: Path, results: str, clients: int, minutes: float, rate: str) -> None:
    """Run the soak test."""
    files = [p for p in sorted(photos.rglob("*")) if p.suffix.lower() in (".jpg", ".png")]
    contents = [path.read_bytes() for path in itertools.islice(files, 200)]
    command = ["serve", "--dataset", dataset, "--results", results, "--port", "0", "--rate", rate]
    program = Path(sys.executable).parent / "ucmgcn"
    server = subprocess.Popen([program, *command], stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
        if not address:
            raise click.ClickException("the server did not start")
        report(asyncio.run(soak(address[0], contents, clients, minutes, server.pid)), minutes)
    finally:
        server.send_signal(signal.SIGINT)
        click.echo(f"exit status of the server: {server.wait(30)}")


if __name__ == "__main__":
    main()
