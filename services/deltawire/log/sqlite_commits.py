"""Group commit: one thread owns the writing connection, and what waits together is synced to disk together.

Each caller keeps its own atomicity and outcome: it runs in a savepoint of the shared transaction, and when that
transaction as a whole cannot be committed, each is tried once more alone, so that none fails for another's sake.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from deltawire.log.port import LogError, OutcomeUnknown
from deltawire.log.sqlite_schema import explain, explain_commit

T = TypeVar("T")

GROUP_LIMIT = 128


class _Job:
    def __init__(
        self, run: Callable[[sqlite3.Connection], Any], done: Callable[[Any], None], future: asyncio.Future[Any]
    ) -> None:
        self.run = run
        self.done = done
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class Committer:
    """Runs functions on the writing connection. ``on_failure`` is called in the event loop after one that failed."""

    def __init__(self, connection: sqlite3.Connection, path: Path, on_failure: Callable[[], None]) -> None:
        self._connection = connection
        self._path = path
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._stopped = self._loop.create_future()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # A daemon: a program that ends without closing its log must not hang.
        self._thread = threading.Thread(target=self._work, name="deltawire-log-writer", daemon=True)
        self._thread.start()

    async def submit(self, run: Callable[[sqlite3.Connection], T], done: Callable[[T], None] = lambda _: None) -> T:
        """What ``run`` returns, once it is durable. Submissions run in their order, also those that are cancelled.

        ``done`` is called with it in the event loop, and in that order, before anybody learns of it.

        Raises:
            OutcomeUnknown: the disk failed during the commit. Any other LogError: nothing was written.
        """
        job = _Job(run, done, self._loop.create_future())
        self._queue.put(job)
        result: T = await job.future
        return result

    async def stop(self) -> None:
        """Finish what was submitted, then close the connection. Nothing may be submitted afterwards."""
        self._queue.put(None)
        await self._stopped
        self._thread.join()

    def _work(self) -> None:
        stopping = False
        while not stopping:
            waiting = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while len(waiting) < GROUP_LIMIT:
                    waiting.append(self._queue.get_nowait())
            stopping = None in waiting
            jobs = [job for job in waiting if job is not None]
            try:
                self._commit(jobs)
            except Exception as error:  # a dead thread would leave every caller waiting for ever
                self._rollback()
                _fail(jobs, OutcomeUnknown(f"{self._path}: {error}"))
            self._call(self._settle, jobs)
        self._connection.close()
        self._call(self._stopped.set_result, None)

    def _call(self, function: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(function, *args)

    def _settle(self, jobs: list[_Job]) -> None:
        for job in jobs:
            if job.error is None:
                job.done(job.result)
            else:
                self._on_failure()
        for job in jobs:
            if job.future.done():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)

    def _commit(self, jobs: list[_Job]) -> None:
        if not jobs or self._attempt(jobs):
            return
        for job in jobs:
            job.error = None
            self._attempt([job])

    def _attempt(self, jobs: list[_Job]) -> bool:
        """One transaction over the jobs; false where it failed as a whole and each is to be tried alone."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            _fail(jobs, explain(error, self._path))
            return True
        for job in jobs:
            self._run(job)
            if not self._connection.in_transaction:  # SQLite rolls back by itself when the disk is full, say
                return len(jobs) == 1
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._rollback()
            failure = explain_commit(error, self._path)
            if len(jobs) > 1 and not isinstance(failure, OutcomeUnknown):
                return False
            _fail([job for job in jobs if job.error is None], failure)
        return True

    def _run(self, job: _Job) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.run(self._connection)
        except Exception as error:
            job.error = explain(error, self._path) if isinstance(error, sqlite3.Error | OverflowError) else error
            if not self._connection.in_transaction:
                return
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _fail(jobs: list[_Job], error: LogError) -> None:
    for job in jobs:
        job.error = error
