"""Disposable processes that read what must not be read in this one.

Each is started when it is first needed, has limits on CPU time and memory for each document, and is killed and
replaced when it breaks them, dies, or has read a number of documents. What it was reading is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

import msgspec

from deltawire import telemetry
from deltawire.formats.base import Unreadable
from deltawire.poller.look import Readout
from deltawire.poller.reader import TOO_EXPENSIVE, Bounds, Refusal, Result, Task, answers, pieces

CRASHED = "reader-crashed"

WORKERS = 2
DOCUMENTS = 500
"""Documents after which a worker is replaced: whatever it leaks goes with it."""

GIVES_WAY = 10
"""By what the nice value of a reader is above that of this process, whose every step would wait for it. At 5 the
slowest tenth of what goes from the event loop to a thread and back took half as long again, beside two readers on two
cores; at 10 no longer than without them, and a lower priority gained nothing."""

LARGEST_ANSWER = 128 * 1024 * 1024
_START = 60.0
"""Seconds for a process to start, on a machine that is busy."""

_SMALL_ANSWER = 256 * 1024
_INHERITED = {
    name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONTZPATH") if name in os.environ
}


class Pool:
    """Up to ``size`` reader processes; a document that finds all of them busy waits its turn.

    One place less is for suspects: a feed whose last document broke a bound waits for one worker, and never takes the
    last one from the others.
    """

    def __init__(self, size: int = WORKERS, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self._idle: list[_Worker] = []
        self._living: set[_Worker] = set()
        self._ending: set[asyncio.Task[int]] = set()
        self._places = asyncio.Semaphore(size)
        self._suspects = asyncio.Semaphore(max(1, size - 1))

    @property
    def pids(self) -> list[int]:
        """The processes that there are, idle or not."""
        return [worker.pid for worker in self._living]

    async def read(self, task: Task, *, suspect: bool = False) -> Readout:
        """Have a document read.

        Raises:
            Unreadable: it cannot be read; with the code ``too-expensive`` where it broke a bound, ``reader-crashed``
                where its reader died or could not be started.
        """
        async with self._suspects if suspect else contextlib.nullcontext(), self._places:
            worker = self._idle.pop() if self._idle else await _Worker.start(self.bounds)
            self._living.add(worker)
            fit = False
            try:
                answer = await worker.ask(task)
                fit = not (isinstance(answer, Refusal) and answer.code == TOO_EXPENSIVE)
            except Unreadable as broken:
                telemetry.readers_killed.labels(broken.code).inc()
                raise
            finally:
                # Also when the caller is cancelled: nobody waits for what the worker is doing.
                if fit and worker.documents < DOCUMENTS:
                    self._idle.append(worker)
                else:
                    self._end(worker)
        if isinstance(answer, Refusal):
            if not fit:
                telemetry.readers_killed.labels(answer.code).inc()
            raise Unreadable(answer.code, answer.message)
        return answer.readout

    async def close(self) -> None:
        """End the processes that wait; those that read end with their callers' tasks."""
        while self._idle:
            self._end(self._idle.pop())
        await asyncio.gather(*self._ending)

    def _end(self, worker: _Worker) -> None:
        self._living.discard(worker)
        worker.kill()
        ending = asyncio.create_task(worker.ended())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


class _Worker:
    def __init__(self, process: Process, bounds: Bounds) -> None:
        self.documents = 0
        self._process = process
        self._bounds = bounds

    @classmethod
    async def start(cls, bounds: Bounds) -> _Worker:
        limits = (str(os.getpid()), str(bounds.cpu), str(bounds.memory))
        process: Process | None = None
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "ignore", "-m", "deltawire.poller.reader", *limits),
                stdin=PIPE,
                stdout=PIPE,
                # What a library says of a document may quote it.
                stderr=DEVNULL,
                # Neither secrets nor proxies.
                env=_INHERITED | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"},
            )
            with contextlib.suppress(ProcessLookupError):
                # From here: starting takes more than most documents do.
                os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + GIVES_WAY)
            worker = cls(process, bounds)
            async with asyncio.timeout(_START):
                await worker._receive()
        except BaseException as error:
            if process is not None:
                _kill(process)
                await process.wait()
            if isinstance(error, OSError | EOFError | TimeoutError):
                raise Unreadable(CRASHED, "the process that reads such documents could not be started") from error
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, task: Task) -> Result | Refusal:
        self.documents += 1
        assert self._process.stdin is not None
        try:
            async with asyncio.timeout(self._bounds.wall):
                for piece in pieces(task):
                    self._process.stdin.write(piece)
                    await self._process.stdin.drain()
                answer = await self._receive()
            if len(answer) <= _SMALL_ANSWER:
                return answers.decode(answer)
            return await asyncio.to_thread(answers.decode, answer)
        except TimeoutError:
            raise Unreadable(TOO_EXPENSIVE, f"reading the document took more than {self._bounds.wall:g} s") from None
        except (OSError, EOFError):
            raise self._died(await self._process.wait()) from None
        except msgspec.MsgspecError as error:
            raise Unreadable(CRASHED, "the process that read the document gave an answer that is none") from error

    async def _receive(self) -> bytes:
        assert self._process.stdout is not None
        length = int.from_bytes(await self._process.stdout.readexactly(4), "big")
        if length > LARGEST_ANSWER:
            raise Unreadable(TOO_EXPENSIVE, f"what was read of the document has {length} bytes")
        return await self._process.stdout.readexactly(length)

    def _died(self, status: int) -> Unreadable:
        if -status == signal.SIGXCPU:
            return Unreadable(TOO_EXPENSIVE, f"reading the document took more than {self._bounds.cpu} s of CPU time")
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        return Unreadable(CRASHED, f"the process that read the document ended with {how}")

    def kill(self) -> None:
        _kill(self._process)

    async def ended(self) -> int:
        return await self._process.wait()


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
