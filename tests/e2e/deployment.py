"""A real ``deltawire run`` in a folder of its own, and a random press for it to follow."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from deltawire.press.chance import Publisher
from deltawire.press.play import chance
from deltawire.press.server import serve

COMMAND = str(Path(sys.executable).with_name("deltawire"))
DEADLINE = 120.0

HEAD = """\
[log]
url = "sqlite:///log.db"
[store]
url = "sqlite:///store.db"
[events]
source = "urn:deltawire:test"
[fetch]
allow_private_networks = true
per_host_rate = 0
per_host_connections = 16
live_interval = 0.05
[gateway]
port = 0
"""


class Deployment:
    """``deltawire run`` with a configuration; it can be killed and started again."""

    def __init__(self, folder: Path, config: str) -> None:
        self.folder = folder
        self.process: Process | None = None
        self.page = ""
        (folder / "deltawire.toml").write_text(config, encoding="utf-8")
        self._log = (folder / "run.log").open("ab")
        self._reading: asyncio.Task[None] | None = None

    async def start(self, *urls: str) -> None:
        """Start, and wait for the page's address."""
        self.process = await asyncio.create_subprocess_exec(
            COMMAND,
            "run",
            *urls,
            cwd=self.folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        started = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(self.process, started))
        self.page = await asyncio.wait_for(started, DEADLINE)

    async def _read(self, process: Process, started: asyncio.Future[str]) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._log.write(line)
            self._log.flush()
            if b'"event":"gateway.started"' in line and not started.done():
                started.set_result(orjson.loads(line)["address"])
        if not started.done():
            started.set_exception(AssertionError(f"deltawire run ended: {self.log()[-2000:]}"))

    async def kill(self) -> None:
        """SIGKILL: no chance to say anything."""
        assert self.process is not None
        self.process.kill()
        await self._ended()

    async def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def _ended(self) -> int:
        assert self.process is not None
        assert self._reading is not None
        status = await asyncio.wait_for(self.process.wait(), DEADLINE)
        await self._reading
        self.process = None
        return status

    async def close(self) -> None:
        if self.process is not None:
            await self.kill()
        self._log.close()

    def log(self) -> str:
        return (self.folder / "run.log").read_text(encoding="utf-8")

    def log_lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        """Run another ``deltawire`` command beside; returns status, standard output and error."""
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            *arguments,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        out, err = await asyncio.wait_for(process.communicate(), DEADLINE)
        return process.returncode or 0, out.decode(), err.decode()

    async def events(self) -> list[dict[str, Any]]:
        """All events so far, as ``deltawire tail`` prints them."""
        status, out, err = await self.command("tail", "--from-beginning", "--no-follow", "--json")
        assert (status, err) == (0, "")
        return [orjson.loads(line) for line in out.splitlines()]

    def stored(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"file:{self.folder / 'store.db'}?mode=ro", uri=True)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()


async def minds_sigterm(process: int) -> bool:
    """Whether our code has begun: before that, nobody can do anything about a signal."""
    caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{process}/status").read_text(encoding="ascii"), re.MULTILINE)  # noqa: ASYNC240
    return bool(caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


@asynccontextmanager
async def deployed(folder: Path, config: str) -> AsyncIterator[Deployment]:
    deployment = Deployment(folder, config)
    try:
        yield deployment
    finally:
        await deployment.close()


@asynccontextmanager
async def press(publishers: Mapping[str, Publisher]) -> AsyncIterator[str]:
    """Serve each publisher; yields a configuration with a feed for each, by its name."""
    async with AsyncExitStack() as stack:
        config = HEAD
        for name, publisher in publishers.items():
            address = await stack.enter_async_context(serve(chance(publisher)))
            config += f'[[feeds]]\nid = "{name}"\nurl = "{address}/feed"\nmin_interval = 0.05\nmax_interval = 0.1\n'
        yield config
