from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from deltawire import net
from deltawire.config import FetchConfig
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.store.port import Store
from support.receiver import Receiver
from support.stores import Engine


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    """A store that alerting has been at work on: to it no event is of the past, however old."""
    opened = await engine.open()
    await opened.raise_alerts(0, None, 0, [])
    yield opened
    await opened.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with net.make_session(FetchConfig(allow_private_networks=True)) as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().listening() as listening:
        yield listening


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    opened = await SqliteLog.open(tmp_path / "log.db", Topics(), serve=False, maintenance_interval=None)
    yield opened
    await opened.close()
