"""Read-only connections to a SQLite log, in a few threads."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from deltawire.log.port import LogError
from deltawire.log.sqlite_schema import empty, explain, open_for_reading

T = TypeVar("T")


class Connections:
    """Read-only connections to a log, one for each thread. A log that is not there yet reads as an empty one."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="deltawire-log-reader")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._closed = False

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise LogError("the log is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, read)

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._opened:
            connection.close()

    def _run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_for_reading(self._path)
            if connection is None:
                with closing(empty()) as nothing:
                    return read(nothing)
            self._local.connection = connection
            self._opened.append(connection)
        try:
            return read(connection)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
