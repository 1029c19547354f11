"""What the tests of the poller share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from deltawire import net
from deltawire.log.sqlite import SqliteLog
from deltawire.poller import websub_service
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


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(websub_service, "TEND_INTERVAL", 0.02)
    async with Origin() as origin, Hub() as hub:
        desk = Desk(tmp_path / "log.db", origin, hub)
        desk.log = await SqliteLog.open(desk.path, TOPICS, partitions=2)
        yield desk
        await desk.log.close()
