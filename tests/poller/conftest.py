"""What the tests of the poller share."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from deltawire import net
from deltawire.log.sqlite import SqliteLog
from deltawire.poller import websub_service
from poller.test_tls import certificate
from support.hub import Hub
from support.origin import Origin
from support.polling import CONFIG, TOPICS, Deployment
from support.websub import Desk


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as site:
        yield site


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with net.make_session(CONFIG.fetch) as session:
        yield session


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with Origin() as origin:
        deployment = Deployment(tmp_path / "log.db", origin)
        deployment.log = await SqliteLog.open(deployment.path, TOPICS, partitions=2)
        yield deployment
        await deployment.log.close()


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server on 127.0.0.1 and its clients need to speak TLS."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    made, key = certificate(tmp_path_factory.mktemp("tls"))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(made, key)
    return server, ssl.create_default_context(cafile=str(made))


@pytest.fixture
async def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certified: tuple[ssl.SSLContext, ssl.SSLContext]
) -> AsyncIterator[Desk]:
    server, client = certified
    monkeypatch.setattr(websub_service, "TEND_INTERVAL", 0.02)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", client)
    async with Origin() as origin, Hub(server) as hub:
        desk = Desk(tmp_path / "log.db", origin, hub)
        desk.log = await SqliteLog.open(desk.path, TOPICS, partitions=2)
        yield desk
        await desk.log.close()
