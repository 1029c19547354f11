"""A storage process that dies by SIGKILL at a chosen boundary of a statement, again and again.

    python doomed.py STORE_URL LOG_PATH < numbers

For each number it forks a storage service that kills itself just before (even) or just after (odd) that half of its
statements, and answers with a line: ``killed``, or ``done`` where it came to the end of the log first. Forks are
cheap where a new interpreter for each boundary would not be.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from asyncpg.connection import Connection

from deltawire import telemetry
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.storage import service
from deltawire.store.engines import open_store

TOPICS = Topics()


class Fuse:
    def __init__(self, number: int) -> None:
        self.left = number
        self.spared: asyncio.Task[Any] | None = None

    def burn(self) -> None:
        if asyncio.current_task() is self.spared:
            return
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def put_into(self, name: str) -> None:
        """Every statement of asyncpg goes through ``execute`` or ``_execute``, transactions included."""
        original = getattr(Connection, name)

        async def fused(*args: Any, **kwargs: Any) -> Any:
            self.burn()
            result = await original(*args, **kwargs)
            self.burn()
            return result

        setattr(Connection, name, fused)


async def store_all(url: str, path: str, fuse: Fuse) -> None:
    log = await SqliteLog.open(path, TOPICS, serve=False, maintenance_interval=None)
    store = await open_store(url)
    running = asyncio.create_task(service.run(log, TOPICS, store))
    ends = {p: end for p, (_, end) in (await log.bounds(TOPICS.events)).items()}
    fuse.spared = asyncio.current_task()  # what only looks on must not move the boundaries
    while await store.positions("storage") != ends:  # noqa: ASYNC110 it lies in a database
        await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()
    await log.close()


def main() -> None:
    url, path = sys.argv[1:]
    telemetry.configure_logging("error")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            fuse = Fuse(int(line))
            fuse.put_into("execute")
            fuse.put_into("_execute")
            asyncio.run(store_all(url, path, fuse))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "done" if status == 0 else f"failed {status}", flush=True)


if __name__ == "__main__":
    main()
