"""Two of each service as processes of their own, under a supervisor that starts again what ended."""

from __future__ import annotations

import asyncio
import functools
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from e2e.deployment import COMMAND, DEADLINE, minds_sigterm
from e2e.services import NAMES
from support.waiting import eventually

RESTART_AFTER = 0.5
"""Seconds that the supervisor waits before it starts again what ended by itself, as those of operators do."""


class Member:
    """One of the services. Its log lines are in a file of its own; ``statuses`` are those with which it ended."""

    def __init__(self, folder: Path, kind: str, number: int) -> None:
        self.kind = kind
        self.name = f"{kind}-{number}"
        self.statuses: list[int] = []
        self._folder = folder
        self._log = folder / f"{self.name}.log"
        self._process: Process | None = None
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._up.set()
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            await self._up.wait()
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    COMMAND, self.kind, cwd=self._folder, stdout=asyncio.subprocess.DEVNULL, stderr=log
                )
            self.statuses.append(await self._process.wait())
            await asyncio.sleep(RESTART_AFTER)

    async def kill(self) -> None:
        """SIGKILL; it stays down until ``revive``."""
        self._up.clear()
        await self._send(signal.SIGKILL)

    def revive(self) -> None:
        self._up.set()

    async def freeze(self) -> None:
        await self._send(signal.SIGSTOP)

    async def thaw(self) -> None:
        await self._send(signal.SIGCONT)

    async def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """End it for good; returns its exit status, null where it did not run."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self._process is None or self._process.returncode is not None:
            return None
        if number == signal.SIGTERM:
            await eventually(functools.partial(minds_sigterm, self._process.pid))
        await self._send(number)
        return await asyncio.wait_for(self._process.wait(), DEADLINE)

    def log_lines(self) -> list[dict[str, Any]]:
        """What it said so far; a line that a SIGKILL cut off is left out."""
        lines: list[dict[str, Any]] = []
        for line in self._log.read_bytes().splitlines():
            try:
                lines.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                continue
        return lines

    def address(self) -> str | None:
        """Of a gateway: where it said last that it listens."""
        said = [line["address"] for line in self.log_lines() if line["event"] == "gateway.started"]
        return said[-1] if said else None


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[list[Member]]:
    """Two of each, running."""
    members = [Member(folder, kind, number) for number in (1, 2) for kind in NAMES]
    try:
        for member in members:
            member.start()
        yield members
    finally:
        await asyncio.gather(*(member.stop(signal.SIGKILL) for member in members))
