"""Several processes on one log: one owner, guests beside it, and what a killed one leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from deltawire.log import owner
from deltawire.log.engines import open_log
from deltawire.log.port import Log, LogError, OutcomeUnknown
from deltawire.log.sqlite import SqliteLog
from deltawire.log.sqlite_guest import SqliteGuest
from deltawire.log.topics import Topics
from log.contract import DEADLINE, everything, out, take, until

TOPICS = Topics()


class Other:
    """``other_process.py``, running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            line = await self.process.stdout.readline()
        assert line, "the other process ended"
        answer: dict[str, Any] = orjson.loads(line)
        return answer

    async def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def finish(self) -> None:
        """End of input: it closes its log."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert await self.hear() == {"closed": True}
        await self.process.wait()


@asynccontextmanager
async def other(*arguments: object) -> AsyncIterator[Other]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("other_process.py")),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    running = Other(process)
    try:
        assert await running.hear() == {"ready": True}
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def event(value: bytes) -> Any:
    return out(TOPICS.events, "k", value)


async def values(log: Log) -> list[bytes | None]:
    return [record.value for record in await everything(log, TOPICS.events)]


async def test_a_second_owner_is_refused_and_told_who_has_it(path: Path) -> None:
    async with other("own", path) as first:
        with pytest.raises(LogError, match=rf"log\.db is in use by process {first.process.pid}; stop it or give"):
            await open_log(f"sqlite:///{path}", TOPICS, role="owner")
        await first.finish()
    await (await open_log(f"sqlite:///{path}", TOPICS, role="owner")).close()


async def test_a_second_owner_in_the_same_process_is_refused_too(path: Path) -> None:
    log = await SqliteLog.open(path, TOPICS)
    with pytest.raises(LogError, match=f"in use by process {os.getpid()}"):
        await SqliteLog.open(path, TOPICS)
    await log.close()


async def test_a_guest_appends_through_the_owner_and_the_owners_readers_wake(path: Path) -> None:
    log = await SqliteLog.open(path, TOPICS)
    reader = await log.reader(TOPICS.events, {0: 0})
    async with other("guest", path) as guest:
        for n in range(5):
            waiting = asyncio.create_task(take(reader, 1))
            await guest.tell(f"{n}")
            assert await guest.hear() == {"appended": f"{n}"}
            assert [r.value for r in await waiting] == [b"%d" % n]
        await guest.finish()
    await log.close()


async def test_a_guest_follows_what_the_owner_writes(path: Path) -> None:
    log = await SqliteLog.open(path, TOPICS)
    async with other("tail", path, 20) as tail:
        for n in range(20):
            await log.append([event(b"%d" % n)])
            if n % 5 == 0:
                assert await tail.hear() == {"value": f"{n}"}
            else:
                assert (await tail.hear())["value"] == f"{n}"
    await log.close()


async def test_a_guest_appends_alone_and_outlives_owners(path: Path) -> None:
    async with other("guest", path) as guest:
        await guest.tell("nobody there")
        assert await guest.hear() == {"appended": "nobody there"}
        log = await SqliteLog.open(path, TOPICS)
        await guest.tell("an owner")
        assert await guest.hear() == {"appended": "an owner"}
        await log.close()
        await guest.tell("gone again")
        assert await guest.hear() == {"appended": "gone again"}
        async with other("own", path) as killed:
            killed.process.kill()
            await killed.process.wait()
        await guest.tell("killed")
        assert await guest.hear() == {"appended": "killed"}
        log = await SqliteLog.open(path, TOPICS)
        assert await values(log) == [b"nobody there", b"an owner", b"gone again", b"killed"]
        await log.close()


async def test_a_child_of_a_killed_owner_keeps_nothing(path: Path) -> None:
    async with other("fork", path) as parent:
        child = (await parent.hear())["child"]
        parent.process.kill()
        await parent.process.wait()
        try:
            holder = owner.read_holder(path)
            assert holder is not None
            assert holder.socket is not None
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_unix_connection(holder.socket)
            await (await SqliteLog.open(path, TOPICS)).close()
        finally:
            os.kill(child, signal.SIGKILL)


async def test_an_owner_that_closes_answers_what_it_has_begun_to_write(path: Path) -> None:
    log = await SqliteLog.open(path, TOPICS)
    guest = SqliteGuest(path, TOPICS)
    hold = threading.Event()
    held = asyncio.create_task(log._committer.submit(lambda _: hold.wait(DEADLINE)))
    appending = asyncio.create_task(guest.append([event(b"1")]))

    async def is_writing() -> bool:
        return bool(log._server and log._server._writing)

    await until(is_writing)
    closing = asyncio.create_task(log.close())
    await asyncio.sleep(0)
    hold.set()
    await asyncio.gather(held, appending, closing)
    assert await values(guest) == [b"1"]
    await guest.close()


async def test_guests_that_append_at_once_all_succeed(path: Path) -> None:
    guests = [SqliteGuest(path, TOPICS) for _ in range(8)]
    await asyncio.gather(*(guest.append([event(b"%d" % n)]) for n, guest in enumerate(guests)))
    assert sorted(v or b"" for v in await values(guests[0])) == [b"%d" % n for n in range(8)]
    await asyncio.gather(*(guest.close() for guest in guests))


async def test_a_guest_of_a_log_that_does_not_exist_reads_nothing_until_it_does(path: Path) -> None:
    guest = SqliteGuest(path, TOPICS)
    assert await guest.bounds(TOPICS.events) == {0: (0, 0)}
    assert await values(guest) == []
    assert list(path.parent.iterdir()) == []
    reader = await guest.reader(TOPICS.events, {0: 0})
    waiting = asyncio.create_task(reader.poll(timeout=DEADLINE))
    log = await SqliteLog.open(path, TOPICS)
    await log.append([event(b"1")])
    assert [r.value for r in await waiting] == [b"1"]
    await log.close()
    await guest.close()


async def test_the_owners_refusal_reaches_the_guest(path: Path) -> None:
    log = await SqliteLog.open(path, TOPICS)
    guest = SqliteGuest(path, TOPICS)
    with pytest.raises(LogError, match=r"no topic deltawire\.nothing\.v1"):
        await guest.append([event(b"1"), out("deltawire.nothing.v1", "k")])
    assert await values(guest) == []
    await guest.close()
    await log.close()


async def test_a_guest_owns_no_writers_and_no_partitions(path: Path) -> None:
    guest = SqliteGuest(path, TOPICS)
    with pytest.raises(LogError, match="only the process that owns"):
        await guest.writer("w")
    with pytest.raises(LogError, match="only the process that owns"):
        guest.member("g", TOPICS.events)
    await guest.close()


async def test_an_owner_that_dies_before_it_answers_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.close()

    socket = tmp_path / "s"
    async with await asyncio.start_unix_server(hang_up, socket):
        with pytest.raises(OutcomeUnknown, match="went away"):
            await owner.hand_over(str(socket), [event(b"1")])


async def test_the_socket_is_private_and_goes_with_the_owner(path: Path) -> None:
    log = await SqliteLog.open(path, TOPICS)
    holder = owner.read_holder(path)
    assert holder is not None
    assert holder.socket is not None
    directory = Path(holder.socket).parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    await log.close()
    assert not directory.exists()


async def test_the_socket_of_a_killed_owner_is_swept_and_nothing_else(path: Path, tmp_path: Path) -> None:
    async with other("own", path) as killed:
        holder = owner.read_holder(path)
        killed.process.kill()
        await killed.process.wait()
    assert holder is not None
    assert holder.socket is not None
    directory = Path(holder.socket).parent
    assert directory.exists()
    await (await SqliteLog.open(path, TOPICS, serve=False)).close()
    assert not directory.exists()

    precious = tmp_path / "precious"
    precious.touch()
    owner.lock_file(path).write_text(f'{{"pid": 1, "socket": "{precious}"}}')
    await (await SqliteLog.open(path, TOPICS, serve=False)).close()
    assert precious.exists()


async def test_garbage_on_the_socket_harms_nobody(path: Path) -> None:
    log = await SqliteLog.open(path, TOPICS)
    holder = owner.read_holder(path)
    assert holder is not None
    assert holder.socket is not None
    for garbage in (b"", b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc", b"\x00\x00\x00\x09abc"):
        reader, writer = await asyncio.open_unix_connection(holder.socket)
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(DEADLINE):
            assert await reader.read() == b""
        writer.close()
    guest = SqliteGuest(path, TOPICS)
    await guest.append([event(b"1")])
    await guest.close()
    _, idle = await asyncio.open_unix_connection(holder.socket)
    async with asyncio.timeout(DEADLINE):
        await log.close()
    idle.close()


@pytest.mark.parametrize("acknowledged", [1, 40, 150])
async def test_kill_9_leaves_a_prefix_of_whole_commits_with_every_acknowledged_one(
    path: Path, acknowledged: int
) -> None:
    async with other("commit", path) as writing:
        for number in range(1, acknowledged + 1):
            assert await writing.hear() == {"acknowledged": number}
        writing.process.kill()
        assert writing.process.stdout is not None
        for line in (await writing.process.stdout.read()).splitlines():
            acknowledged = max(acknowledged, orjson.loads(line).get("acknowledged", 0))
        await writing.process.wait()

    log = await SqliteLog.open(path, TOPICS)
    numbers = {}
    for topic in (TOPICS.events, TOPICS.entries, TOPICS.differ_state):
        numbers[topic] = [int((r.value or b"").rstrip(b"\0")) for r in await everything(log, topic)]
    last = numbers[TOPICS.entries][-1]
    assert last >= acknowledged
    assert numbers[TOPICS.entries] == numbers[TOPICS.differ_state] == list(range(1, last + 1))
    assert numbers[TOPICS.events] == [n for n in range(1, last + 1) for _ in range(2)]
    await (await log.writer("w")).commit([event(b"on")])
    await log.close()


async def test_a_guest_reads_what_a_killed_owner_left(path: Path) -> None:
    async with other("commit", path) as writing:
        for _ in range(10):
            await writing.hear()
        writing.process.kill()
        await writing.process.wait()
    guest = SqliteGuest(path, TOPICS)
    assert len(await values(guest)) >= 20
    await guest.append([event(b"on")])
    assert (await values(guest))[-1] == b"on"
    await guest.close()
