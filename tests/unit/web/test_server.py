"""The server on a real socket of the loopback address."""

from __future__ import annotations

import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from waiting import HANG_SECONDS, wait_for

from ucmgcn.core.errors import UserError
from ucmgcn.web import server, uploads
from ucmgcn.web.limits import ServerLimits, client_of, network_of

LIMITS = replace(ServerLimits(), upload_seconds=0.5)


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(client_of(request))


async def upload(request: Request) -> PlainTextResponse:
    async with uploads.read_form(request, LIMITS):
        return PlainTextResponse("taken")


@contextmanager
def serving(limits=LIMITS, certificate=None):
    app = Starlette(routes=[Route("/", hello), Route("/up", upload, methods=["POST"])])
    listening = server.listen("127.0.0.1", 0)
    running = server.make_server(app, limits, certificate)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        running.should_exit = True
        thread.join(HANG_SECONDS)
        assert not thread.is_alive()


@pytest.fixture(scope="module", autouse=True)
def short_grace():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "GRACE", 0.5)
        yield


@pytest.fixture(scope="module")
def address():
    with serving() as address:
        yield address


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    data = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return data
        if not part:
            return data
        data += part


def drip(address, start: bytes, drop: bytes) -> bytes:
    """Send a start and then a drop now and again, until the server hangs up."""
    with socket.create_connection(address, timeout=HANG_SECONDS) as connection:
        connection.sendall(start)
        answer = threading.Thread(target=lambda: found.append(received(connection)))
        found: list[bytes] = []
        answer.start()
        while not found:
            try:
                connection.sendall(drop)
            except OSError:
                break
            time.sleep(0.05)
        answer.join(HANG_SECONDS)
    return found[0]


def test_a_header_that_never_ends_is_hung_up_on(address):
    assert drip(address, b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n") == b""


def test_a_silent_connection_is_hung_up_on(address):
    with socket.create_connection(address, timeout=HANG_SECONDS) as connection:
        assert received(connection) == b""


def test_a_slow_upload_is_answered_and_then_hung_up_on(address):
    start = (
        b"POST /up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    answer = drip(address, start, b"x")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_slow_header_after_a_request_is_hung_up_on(address):
    whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = drip(address, whole + whole[:-2], b"X-A: b\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 1


def test_a_connection_in_use_stays(monkeypatch):
    """However long it is in use, as long as it is never idle for the time of grace."""
    monkeypatch.setattr(server, "GRACE", 5.0)
    with serving() as address:
        connection = HTTPConnection(*address, timeout=HANG_SECONDS)
        connection.connect()
        own, start = connection.sock, time.monotonic()
        while time.monotonic() < start + 6:
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"127.0.0.1"
            assert connection.sock is own
        connection.close()


def test_no_header_changes_who_a_client_is(address):
    with socket.create_connection(address, timeout=HANG_SECONDS) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n\r\n"
        )
        answer = received(connection)
    assert answer.endswith(b"127.0.0.1")
    assert b"uvicorn" not in answer


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_addresses_are_told_from_others(host):
    assert server.is_loopback(host)
    assert host in server.names(host)
    assert "*" not in server.names(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "models.example"])
def test_an_address_for_others_takes_any_name(host):
    assert not server.is_loopback(host)
    assert server.names(host) == ["*"]


def test_allowed_names_are_the_only_ones():
    named = server.names("0.0.0.0", ["models.example"])
    assert "models.example" in named and "localhost" in named and "*" not in named


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("", ""),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(host, client):
    assert network_of(host) == client


def test_the_connections_of_a_client_are_bounded_and_then_free_again(monkeypatch):
    monkeypatch.setattr(server, "GRACE", HANG_SECONDS)
    with serving(replace(LIMITS, connections_each=3)) as address, ExitStack() as stack:
        for _ in range(3):
            idle = stack.enter_context(socket.create_connection(address, timeout=HANG_SECONDS))
            idle.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        with socket.create_connection(address, timeout=HANG_SECONDS) as fourth:
            assert received(fourth) == b""
        # Another address is another client.
        with socket.create_connection(
            address, timeout=HANG_SECONDS, source_address=("127.0.0.3", 0)
        ) as other:
            other.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert received(other).endswith(b"127.0.0.3")
        stack.close()
        wait_for(lambda: answers(address), "there is room again")


def answers(address) -> bool:
    connection = HTTPConnection(*address, timeout=HANG_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def test_an_attempt_at_a_websocket_is_answered_without_advice(address):
    said: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = said.append
    logging.getLogger("uvicorn.error").addHandler(handler)
    with socket.create_connection(address, timeout=HANG_SECONDS) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert received(connection).startswith(b"HTTP/1.1 200 ")
    logging.getLogger("uvicorn.error").removeHandler(handler)
    assert not said


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> server.Certificate:
    """A certificate that signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    files = server.Certificate(folder / "cert.pem", folder / "key.pem")
    words = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -out"
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    subprocess.run(
        ["openssl", *words.split(), files.chain, "-keyout", files.key],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


def test_it_speaks_tls(certificate):
    with serving(certificate=certificate) as address:
        context = ssl.create_default_context(cafile=certificate.chain)
        context.check_hostname = False
        connection = HTTPSConnection(*address, timeout=HANG_SECONDS, context=context)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"127.0.0.1"
        connection.close()


@pytest.mark.parametrize("spoilt", ["missing", "no certificate", "another key", "locked key"])
def test_a_certificate_that_cannot_be_used_is_one_line(certificate, tmp_path, spoilt):
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for path, original in ((chain, certificate.chain), (key, certificate.key)):
        path.write_bytes(original.read_bytes())
    if spoilt == "missing":
        chain.unlink()
    elif spoilt == "no certificate":
        chain.write_text("hello")
    else:
        lock = ["-aes256", "-passout", "pass:x"] if spoilt == "locked key" else []
        subprocess.run(
            ["openssl", "genrsa", *lock, "-out", key, "2048"], check=True, capture_output=True
        )
    with pytest.raises(UserError, match=r"certificate .*cert\.pem .*key\.pem cannot be used"):
        server.make_server(Starlette(), LIMITS, server.Certificate(chain, key))


def test_a_port_that_is_taken_says_so():
    taken = server.listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    with pytest.raises(UserError, match=f"port {port} on 127.0.0.1 is taken"):
        server.listen("127.0.0.1", port)
    taken.close()


def test_an_address_that_is_not_ours_says_so():
    with pytest.raises(UserError, match=r"cannot listen on 192\.0\.2\.1"):
        server.listen("192.0.2.1", 8000)


def test_the_address_can_be_opened():
    with server.listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert server.address(listening, "127.0.0.1") == f"http://127.0.0.1:{port}/"
        assert server.address(listening, "::1") == f"http://[::1]:{port}/"


def test_clients_are_counted_by_address():
    def seen(host):
        return client_of(Request({"type": "http", "client": (host, 1), "headers": []}))

    assert seen("10.0.0.1") != seen("10.0.0.2")
    assert seen("2001:db8::1") == seen("2001:db8::2:3") != seen("2001:db8:0:1::1")
