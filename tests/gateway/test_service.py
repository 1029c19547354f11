from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from deltawire.config import GatewayConfig
from deltawire.gateway import service
from deltawire.listening import CannotListen
from gateway.rig import TOPICS, Desk, desk


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


async def test_it_serves_on_any_free_port_and_stops_at_once_with_open_streams(rig: Desk) -> None:
    loop = asyncio.get_running_loop()
    address: asyncio.Future[str] = loop.create_future()
    serving = asyncio.create_task(
        service.run(rig.log, TOPICS, rig.store, GatewayConfig(port=0), started=address.set_result)
    )
    url = await address
    assert url.startswith("http://127.0.0.1:")
    async with aiohttp.ClientSession() as http, http.get(f"{url}api/events") as stream:
        assert stream.status == 200
        await stream.content.readline()
        began = loop.time()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        # aiohttp by itself gives open requests a minute.
        assert loop.time() - began < 30
        await stream.content.read()
        assert stream.content.at_eof()


async def test_a_busy_port_is_told_in_one_sentence(rig: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as refused:
            await service.run(rig.log, TOPICS, rig.store, GatewayConfig(port=port))
    assert str(refused.value) == (
        f"port {port} on 127.0.0.1 is in use by another program: stop that one, "
        "or set gateway.port to another (0 takes any free port)"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
async def test_a_host_that_is_not_this_machine_is_told_in_one_sentence(rig: Desk, host: str) -> None:
    with pytest.raises(CannotListen, match=f"{host} is no address of this machine: set gateway.host"):
        await service.run(rig.log, TOPICS, rig.store, GatewayConfig(host=host, port=0))


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:80/"), ("0.0.0.0", "http://127.0.0.1:80/"), ("::1", "http://[::1]:80/")],
)
def test_the_address_is_one_that_can_be_opened(host: str, address: str) -> None:
    assert service.address_of(host, 80) == address
