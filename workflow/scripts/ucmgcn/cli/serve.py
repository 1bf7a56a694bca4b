"""The command `serve`: the web page of a data set."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import click

from ucmgcn.cli.options import DEFAULT_METHOD, dataset_option, results_option
from ucmgcn.core.errors import UserError
from ucmgcn.search.contents import METHODS
from ucmgcn.search.library import Library
from ucmgcn.web import server
from ucmgcn.web.access import check_token
from ucmgcn.web.app import create_app, warm_up
from ucmgcn.web.limits import ServerLimits

MOST_MB = 1024
FILE = click.Path(dir_okay=False, path_type=Path)


def _check_number(_ctx: click.Context, option: click.Parameter, value: float) -> float:
    """Refuse what no bound refuses: NaN is neither below nor above it."""
    if math.isnan(value):
        raise click.BadParameter("nan is not a number", param=option)
    return value


@click.command()
@dataset_option
@results_option
@click.option(
    "--method",
    type=click.Choice(METHODS),
    help=f"How models are ranked. {DEFAULT_METHOD}",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--max-upload",
    type=click.FloatRange(min=0, max=MOST_MB, min_open=True),
    callback=_check_number,
    default=ServerLimits.upload_bytes / 2**20,
    show_default=True,
    help="Largest upload, in MB.",
)
@click.option(
    "--rate",
    default=ServerLimits.rate,
    show_default=True,
    help="Searches of one client, as 5/second.",
)
@click.option(
    "--allowed-host",
    "allowed",
    multiple=True,
    metavar="NAME",
    help="Name by which browsers may call the server; may be given several times.",
)
@click.option(
    "--token",
    envvar="UCMGCN_TOKEN",
    show_envvar=True,
    help="Ask for this token: as bearer token, or as password of any user.",
)
@click.option("--certfile", type=FILE, help="Serve over TLS: certificate and chain, PEM.")
@click.option("--keyfile", type=FILE, help="Key of the certificate, PEM, without a password.")
def serve(  # noqa: PLR0913 - one for each option
    dataset: str,
    results: Path,
    method: str | None,
    host: str,
    port: int,
    max_upload: float,
    rate: str,
    allowed: Sequence[str],
    token: str | None,
    certfile: Path | None,
    keyfile: Path | None,
) -> None:
    """Serve a web page that searches a data set with photos.

    The page loads nothing from elsewhere. Only this machine can open it, unless --host says
    otherwise. Ctrl-C ends the server.

    \b
    Examples:
      ucmgcn serve --dataset demo
      ucmgcn serve --dataset chairs --results path/to/results --port 8080
      ucmgcn serve --dataset chairs --host 0.0.0.0 --rate 20/minute
      ucmgcn serve --dataset chairs --host 0.0.0.0 --allowed-host models.example \\
                   --token "$(cat token)" --certfile cert.pem --keyfile key.pem
      curl -H 'Accept: application/json' -F photo=@photo.jpg http://127.0.0.1:8000/search
    """  # noqa: D301
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    limits = ServerLimits(upload_bytes=int(max_upload * 2**20), rate=rate)
    token = None if token is None else check_token(token)
    if keyfile and not certfile:
        raise UserError("--keyfile needs --certfile, the certificate of the key")
    certificate = server.Certificate(certfile, keyfile) if certfile else None
    library = Library.open(results / dataset, method)
    app = create_app(library, dataset, limits, server.names(host, allowed), token)
    running = server.make_server(app, limits, certificate)
    try:
        with server.listen(host, port) as listening:
            warm_up(library)
            if not server.is_loopback(host):
                click.echo(_warning(host, dataset, bool(token), bool(certfile)), err=True)
            address = server.address(listening, host, "https" if certfile else "http")
            click.echo(f"{dataset}: {len(library.models)} models on {address}  (Ctrl-C ends it)")
            running.run(sockets=[listening])
    except KeyboardInterrupt:
        click.echo("Ended.")


def _warning(host: str, dataset: str, token: bool, encrypted: bool) -> str:
    """Say who can do what, and what protects the page and the token from the network."""
    who = "everyone who has the token" if token else "everyone who can reach this machine"
    lacks = [] if token else ["no password (--token)"]
    lacks += [] if encrypted else ["no encryption (--certfile)"]
    missing = f" There is {' and '.join(lacks)}." if lacks else ""
    return (
        f"Warning: with --host {host}, {who} can search {dataset} and download its meshes.{missing}"
    )
