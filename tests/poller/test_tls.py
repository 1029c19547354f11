"""Certificates that are not to be trusted."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from deltawire import net
from deltawire.poller.outcome import Failure, Fetched
from support.fetching import LOCAL, look

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")


def certificate(folder: Path, *, days: int = 1, name: str = "IP:127.0.0.1") -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    key, request, names, made = (folder / part for part in ("key.pem", "request.pem", "names", "certificate.pem"))

    def openssl(*arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=120)

    curve = "ec_paramgen_curve:P-256"
    openssl("req", "-newkey", "ec", "-pkeyopt", curve, "-nodes", "-subj", "/CN=test", "-keyout", key, "-out", request)
    names.write_text(f"subjectAltName={name}")
    openssl("x509", "-req", "-in", request, "-signkey", key, "-days", str(days), "-extfile", names, "-out", made)
    return made, key


async def over_tls(made: Path, key: Path) -> Fetched | Failure:
    """What comes of one look at a site with that certificate."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server, net.make_session(LOCAL) as session:
        return await look(session, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed")


@pytest.mark.parametrize(
    ("days", "name", "trusted", "why"),
    [
        (1, "IP:127.0.0.1", False, "self-signed certificate"),
        (-1, "IP:127.0.0.1", True, "certificate has expired"),
        (1, "IP:127.0.0.2", True, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        (1, "IP:127.0.0.1", True, None),
    ],
)
async def test_a_certificate_that_is_not_valid_is_a_failed_look_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, name: str, trusted: bool, why: str | None
) -> None:
    made, key = certificate(tmp_path, days=days, name=name)
    if trusted:
        context = ssl.create_default_context(cafile=str(made))
        monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", context)
    outcome = await over_tls(made, key)
    if why is None:
        assert isinstance(outcome, Fetched)
        return
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.detail) == ("tls", f"the certificate of 127.0.0.1 is not valid: {why}")
