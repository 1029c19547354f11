"""Reading in loop, threads and processes: what a document may cost, and what becomes of one that costs more."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import msgspec
import pytest

from deltawire.formats import registry
from deltawire.formats.base import Raw, Unreadable
from deltawire.poller import guard as guards
from deltawire.poller.guard import Guard
from deltawire.poller.look import Readout
from deltawire.poller.outcome import MENDS
from deltawire.poller.reader import Bounds, Task
from deltawire.poller.workers import Pool
from deltawire.telemetry import registry as metrics
from formats.docs import JSON_FEED, RSS, URL
from support.waiting import eventually

SLOPPY = RSS.replace("<title>", "<title>Fish & chips, ", 1).encode()


PATIENCE = 600.0
"""Seconds that reading may take in all where only its CPU time or its memory counts: readers give way to others."""


def raw(body: bytes) -> Raw:
    return Raw(body=body, url=URL)


ENDLESS = raw(b"12.30pm GMT " * 300_000)
"""Takes half a minute of CPU time."""


def task(body: bytes, format_: str = "auto") -> Task:
    return Task(body=body, url=URL, content_type=None, fetched_at=None, format=format_, max_entries=5000)


def many(items: int) -> bytes:
    """A malformed feed, within every limit on its structure, of as many items: about 1.5 s of CPU time for 5,000."""
    return SLOPPY.replace(
        b"</item>", b"</item>" + b"<item><title>x</title><description>y</description></item>" * items, 1
    )


def counted(name: str, **labels: str) -> float:
    return metrics.get_sample_value(f"deltawire_{name}_total", labels) or 0.0


@pytest.fixture
async def guard() -> AsyncIterator[Guard]:
    async with Guard(5000, Bounds(wall=PATIENCE)) as guard:
        yield guard


async def refusal(reading: Awaitable[Readout]) -> Unreadable:
    with pytest.raises(Unreadable) as refused:
        await reading
    return refused.value


async def test_a_document_reads_alike_wherever_it_is_read(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    body = RSS.encode()
    found = []
    for place, (loop_bytes, feed_bytes) in {"loop": (10**6, 10**6), "thread": (0, 10**6), "worker": (0, 0)}.items():
        monkeypatch.setattr(guards, "LOOP_BYTES", loop_bytes)
        monkeypatch.setattr(guards, "FEED_BYTES", feed_bytes)
        monkeypatch.setattr(guards, "DOCUMENT_BYTES", feed_bytes)
        before = counted("readings", where=place)
        found.append(await guard.read(raw(body), "auto", "f"))
        assert counted("readings", where=place) == before + 1
    assert found[0] == found[1] == found[2]
    assert found[0].reading == registry.read(raw(body))


@pytest.mark.parametrize(
    ("body", "here"),
    [
        (b"<rss>" + b" " * 3 * 1024**2, True),
        (b"<rss>" + b" " * 4 * 1024**2, False),
        (b"<rss>" + b"<item>" * 2_000, True),
        (b"<rss>" + b"<item>" * 2_001, False),
        (b"<feed>" + b"<entry>" * 2_001, False),
        (b"<html>" + b" " * 1024**2, False),
        (b"<html>" + b" " * 1000**2, True),
        (b"\xef\xbb\xbf\n{" + b" " * 1000**2, True),
        (b"[" + b" " * 1024**2, False),
        (b"12:30 " + b"x" * 60_000, True),
        (b"12:30 " + b"x" * 70_000, False),
        (b"", True),
    ],
)
def test_what_is_large_for_its_kind_is_read_in_a_process_of_its_own(body: bytes, here: bool) -> None:
    assert guards.belongs_here(raw(body)) is here


async def test_what_strict_parsers_refuse_is_read_in_a_process_of_its_own(guard: Guard) -> None:
    read = await guard.read(raw(SLOPPY), "auto", "f")
    assert read.reading == registry.read_leniently(raw(SLOPPY))
    (pid,) = guard.workers.pids
    assert pid != os.getpid()


async def test_a_process_that_reads_gives_way_to_this_one(guard: Guard) -> None:
    await guard.read(raw(SLOPPY), "auto", "f")
    (pid,) = guard.workers.pids
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)


async def test_only_segments_not_seen_before_are_read_again(guard: Guard) -> None:
    async def misses(body: bytes) -> float:
        before = counted("segments", outcome="new")
        await guard.read(raw(body), "auto", "f")
        return counted("segments", outcome="new") - before

    entries = await misses(RSS.encode())
    assert entries > 1
    assert await misses(RSS.encode()) == 0
    before = counted("segments", outcome="known")
    assert await misses(RSS.encode().replace(b"</item>", b"<category>new</category></item>", 1)) == 1
    assert counted("segments", outcome="known") - before == entries - 1


async def test_no_more_entries_are_taken_than_configured_and_then_it_is_a_window() -> None:
    items = [{"id": str(n), "content_text": f"entry {n}"} for n in range(9)]
    body = msgspec.json.encode(JSON_FEED | {"items": items})
    async with Guard(4) as guard:
        reading = (await guard.read(raw(body), "auto", "f")).reading
    assert len(reading.entries) == 4
    assert reading.coverage == "window"


async def busy(pool: Pool, number: int = 1) -> list[int]:
    """The processes of a pool, once so many of them read."""

    async def reading() -> bool:
        return len(pool.pids) == number and all(cpu_ticks(pid) > 0 for pid in pool.pids)

    await eventually(reading)
    return pool.pids


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def ended(*pids: int) -> None:
    """Wait until there are no such processes, or only what is left of them until they are waited for."""

    def is_gone(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    async def are_gone() -> bool:
        return all(map(is_gone, pids))

    await eventually(are_gone)


async def test_a_feed_that_takes_too_long_is_refused_and_from_then_on_read_by_one_process_at_a_time() -> None:
    before = counted("readers_killed", reason="too-expensive")
    async with Guard(5000, Bounds(cpu=1, wall=PATIENCE)) as guard:
        reading = asyncio.create_task(guard.read(ENDLESS, "auto", "f"))
        (pid,) = await busy(guard.workers)
        refused = await refusal(reading)
        assert (refused.code, str(refused)) == (
            "too-expensive",
            "reading the document took more than 1 s of CPU time",
        )
        assert refused.code in MENDS
        assert counted("readers_killed", reason="too-expensive") == before + 1
        assert pid not in guard.workers.pids
        guard.workers.bounds = Bounds(cpu=100, wall=PATIENCE)
        hostile = [asyncio.create_task(guard.read(ENDLESS, "auto", "f")) for _ in range(3)]
        await busy(guard.workers)
        async with asyncio.timeout(60):
            assert (await guard.read(raw(SLOPPY), "auto", "healthy")).reading.entries
        assert not any(reading.done() for reading in hostile)
        for reading in hostile:
            reading.cancel()
        await asyncio.wait(hostile)


async def test_a_document_that_takes_too_much_memory_is_refused_and_its_process_replaced() -> None:
    pool = Pool(bounds=Bounds(memory=110 * 1024**2, wall=PATIENCE))
    try:
        first = await pool.read(task(SLOPPY))
        (pid,) = pool.pids
        refused = await refusal(pool.read(task(SLOPPY.replace(b"<channel>", b"<channel>" + b"x &" * 5_000_000, 1))))
        assert (refused.code, str(refused)) == (
            "too-expensive",
            "reading the document took more than 110 MiB of memory",
        )
        assert await pool.read(task(SLOPPY)) == first
        assert pid not in pool.pids
    finally:
        await pool.close()


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGSEGV, "reader-crashed", "the process that read the document ended with signal SIGSEGV"),
        (signal.SIGSTOP, "too-expensive", "reading the document took more than 2 s"),
    ],
)
async def test_a_process_that_dies_or_hangs_costs_one_document(number: signal.Signals, code: str, message: str) -> None:
    pool = Pool(bounds=Bounds(wall=PATIENCE))
    try:
        first = await pool.read(task(SLOPPY))
        (pid,) = pool.pids
        (worker,) = pool._idle
        worker._bounds = Bounds(wall=2)
        os.kill(pid, number)
        refused = await refusal(pool.read(task(SLOPPY)))
        assert (refused.code, str(refused)) == (code, message)
        assert refused.code in MENDS
        await ended(pid)
        assert await pool.read(task(SLOPPY)) == first
    finally:
        await pool.close()


async def test_a_process_is_replaced_after_a_number_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltawire.poller.workers.DOCUMENTS", 2)
    pool = Pool(size=1, bounds=Bounds(wall=PATIENCE))
    try:
        seen = []
        for _ in range(3):
            await pool.read(task(SLOPPY))
            seen.append(pool.pids)
        assert [len(pids) for pids in seen] == [1, 0, 1]
        assert seen[0] != seen[2]
    finally:
        await pool.close()


async def test_what_nobody_waits_for_any_more_is_not_read_on(guard: Guard) -> None:
    reading = asyncio.create_task(guard.read(ENDLESS, "auto", "f"))
    (pid,) = await busy(guard.workers)
    reading.cancel()
    await asyncio.wait([reading])
    assert guard.workers.pids == []
    await guard.close()
    await ended(pid)


PARENT = """
import asyncio, sys
from deltawire.poller.workers import Pool
from poller.test_guard import SLOPPY, busy, many, task

async def main():
    pool = Pool()
    await pool.read(task(SLOPPY))
    reading = asyncio.create_task(pool.read(task(many(19_000))))
    await pool.read(task(SLOPPY))
    print(*await busy(pool, 2), flush=True)
    await reading

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_processes_die_with_their_parent_whatever_they_are_doing(number: signal.Signals) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert parent.stdout is not None
    try:
        pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
        assert len(pids) == 2
        # One that hangs does not see that the pipe was closed.
        os.kill(pids[0], signal.SIGSTOP)
    finally:
        parent.send_signal(number)
        await parent.wait()
    await ended(*pids)


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', int(sys.argv[1])))",
        "subprocess.run(['true'])",
        "os.fork()",
        "open(sys.argv[2], 'wb', buffering=0).write(b'x')",
    ],
)
def test_a_reader_process_can_neither_connect_nor_start_nor_write_anything(attempt: str, tmp_path: Path) -> None:
    code = (
        "import ctypes, os, socket, subprocess, sys; from deltawire.poller.reader import confine;"
        "confine(os.getppid(), 2**30)\n"
        f"try: {attempt}\n"
        "except OSError: sys.exit(7)"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        ended = subprocess.run([sys.executable, "-c", code, port, tmp_path / "file"], check=False)
    assert ended.returncode == 7
    assert not (tmp_path / "file").exists() or (tmp_path / "file").read_bytes() == b""
