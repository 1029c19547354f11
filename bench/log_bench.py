"""How fast the SQLite log is, beside bare sqlite3 on the same disk in the same run.

    .venv/bin/python bench/log_bench.py [--records N] [--size BYTES]

Each commit holds one record of --size bytes; every commit is synced to disk on both sides.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path

from deltawire.log.port import Outgoing, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics

TOPICS = Topics()
COMMITTERS = 50


def bare(path: Path, records: int, group: int, value: bytes) -> tuple[float, float]:
    """Records a second written, ``group`` to a transaction, and read."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, key TEXT, value BLOB)")
    began = time.perf_counter()
    for start in range(0, records, group):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO records VALUES (?, ?, ?)",
            [(number, "feed", value) for number in range(start, min(start + group, records))],
        )
        connection.execute("COMMIT")
    written = time.perf_counter()
    count = sum(1 for _ in connection.execute("SELECT * FROM records ORDER BY id"))
    done = time.perf_counter()
    connection.close()
    assert count == records
    return records / (written - began), records / (done - written)


async def ours(path: Path, records: int, committers: int, value: bytes) -> tuple[float, float]:
    log = await SqliteLog.open(path, TOPICS)

    async def commit(name: int) -> None:
        writer = await log.writer(f"w{name}")
        for _ in range(records // committers):
            await writer.commit([Outgoing(topic=TOPICS.events, key="feed", value=value)])

    began = time.perf_counter()
    await asyncio.gather(*(commit(name) for name in range(committers)))
    written = time.perf_counter()
    count = sum([1 async for _ in snapshot(log, TOPICS.events)])
    done = time.perf_counter()
    await log.close()
    assert count == records
    return records / (written - began), records / (done - written)


async def wake_up(path: Path, rounds: int) -> float:
    """Seconds from the call of append to the record in the hands of a waiting reader (median)."""
    log = await SqliteLog.open(path, TOPICS)
    reader = await log.reader(TOPICS.events, {0: 0})
    times = []
    for _ in range(rounds):
        waiting = asyncio.create_task(reader.poll(timeout=10))
        await asyncio.sleep(0.002)
        began = time.perf_counter()
        await asyncio.gather(log.append([Outgoing(topic=TOPICS.events, key="feed", value=b"v")]), waiting)
        times.append(time.perf_counter() - began)
    await log.close()
    return sorted(times)[rounds // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--size", type=int, default=2500)
    options = parser.parse_args()
    records = options.records // COMMITTERS * COMMITTERS
    value = bytes(options.size)
    with tempfile.TemporaryDirectory(dir=".") as directory:
        here = Path(directory)
        bare_one, bare_read = bare(here / "a.db", records, 1, value)
        bare_group, _ = bare(here / "b.db", records, COMMITTERS, value)
        one, read = asyncio.run(ours(here / "c.db", records, 1, value))
        group, _ = asyncio.run(ours(here / "d.db", records, COMMITTERS, value))
        seconds = asyncio.run(wake_up(here / "e.db", 200))
    print(f"{records} records of {options.size} bytes, every commit synced   log/s   sqlite3/s   ratio")
    for what, mine, theirs in (
        ("commits one by one", one, bare_one),
        (f"commits of {COMMITTERS} side by side", group, bare_group),
        ("records read", read, bare_read),
    ):
        print(f"{what:42}{mine:18,.0f}{theirs:12,.0f}{mine / theirs:8.2f}")
    print(f"append to waiting reader, median: {seconds * 1000:.2f} ms")


if __name__ == "__main__":
    main()
