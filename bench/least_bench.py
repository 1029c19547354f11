"""What a changed look costs at the least: the libraries that it cannot do without, and nothing of deltawire's own.

    .venv/bin/python bench/least_bench.py [--feeds N] [--rounds N]

The same origin, core and number of looks at once as in ``poller_bench.py``. Each changed document of 50 entries is
fetched by aiohttp and hashed, its two items that are new are parsed, sanitised and encoded (lxml, nh3, orjson) as an
observation, events and entries, which bare sqlite3 writes in two transactions a batch of looks, as durable as the log.
No item is looked for, compared or told apart: that is what deltawire is for, and comes on top.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiohttp
import nh3
import orjson
from feed_origin import EDITED_AT, Origin
from lxml import etree
from poller_bench import CHANGED, CONCURRENCY, ORIGINS_CORE, OUR_CORE, Bare, cost

T = TypeVar("T")
PARTS = ("fetched", "hashed", "read", "encoded", "written")


class Kept(Bare):
    """The bare loop, which keeps what it fetched."""

    def __init__(self, session: aiohttp.ClientSession, urls: list[str]) -> None:
        super().__init__(session, urls)
        self.bodies: dict[str, bytes] = {}

    async def fetch(self, url: str) -> bytes:
        body = self.bodies[url] = await super().fetch(url)
        return body


def items(body: bytes) -> list[bytes]:
    """The two items that are new: the first and the one that was edited."""
    found = body.split(b"<item>")
    return [b"<item>" + found[number].partition(b"</item>")[0] + b"</item>" for number in (1, EDITED_AT)]


def read(item: bytes) -> dict[str, str]:
    element = etree.fromstring(item)
    entry = {child.tag: child.text or "" for child in element}
    root = etree.fromstring(entry["description"], etree.HTMLParser())
    entry["content_html"] = nh3.clean(etree.tostring(root, encoding="unicode"))
    entry["content_text"] = "".join(map(str, root.itertext()))
    return entry


def encode(entries: list[dict[str, str]]) -> tuple[list[bytes], list[bytes]]:
    """What the poller writes, and what the differ does."""
    looked = [orjson.dumps(entries), orjson.dumps(["etag", 0])]
    told = [orjson.dumps({"entry": entry, "copy": number}) for entry in entries for number in range(3)]
    return looked, told


def write(connection: sqlite3.Connection, records: list[bytes]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO records (key, value) VALUES (?, ?)", [("feed", value) for value in records])
    connection.execute("COMMIT")


def opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE records (id INTEGER PRIMARY KEY, key TEXT, value BLOB)"
    )
    return connection


async def round_(kept: Kept, connection: sqlite3.Connection, count: int) -> dict[str, float]:
    """CPU seconds of one look, by part."""
    spent = {"fetched": (await cost(count, kept.look())).cpu}

    def timed(part: str, work: Callable[[], T]) -> T:
        before = time.process_time()
        done = work()
        spent[part] = (time.process_time() - before) / count
        return done

    bodies = list(kept.bodies.values())
    timed("hashed", lambda: [hashlib.sha256(body).digest() for body in bodies])
    new = [items(body) for body in bodies]
    entries = timed("read", lambda: [[read(item) for item in pair] for pair in new])
    values = timed("encoded", lambda: [encode(pair) for pair in entries])
    batches = [values[first : first + CONCURRENCY] for first in range(0, count, CONCURRENCY)]

    def written() -> None:
        for batch in batches:
            for side in (0, 1):
                write(connection, [value for pair in batch for value in pair[side]])

    timed("written", written)
    return spent


async def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder, Origin(options.feeds, core=ORIGINS_CORE) as origin:
        connection = opened(Path(folder) / "least.db")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            kept = Kept(session, [origin.url(number) for number in range(options.feeds)])
            await kept.look()
            origin.ask("changed")
            rounds = [await round_(kept, connection, options.feeds) for _ in range(options.rounds)]
        connection.close()
    least = {part: statistics.median(spent[part] for spent in rounds) for part in PARTS}
    for part, seconds in least.items():
        print(f"{part:10}{1000 * seconds:8.3f} ms")
    print(f"{'in all':10}{1000 * sum(least.values()):8.3f} ms of CPU for a look at {CHANGED!r}")
    print(f"{options.feeds} feeds, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.sched_setaffinity(0, {OUR_CORE})
    asyncio.run(measure(options))


if __name__ == "__main__":
    main()
