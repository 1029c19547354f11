"""What the tests of the poller share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from deltawire import net
from deltawire.log.sqlite import SqliteLog
from support.origin import Origin
from support.polling import CONFIG, TOPICS, Deployment


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
