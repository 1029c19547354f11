"""What the differ's memory of a partition costs, beside everything decoded in RAM in the same run.

    .venv/bin/python bench/memory_bench.py [--feeds N] [--entries N] [--size BYTES]

Each side is a process of its own that restores the same state topic (SQLite log, one partition) and then recalls
feeds; ``read`` only reads the topic. Memory is what the process has grown by when the restore is done.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from deltawire import telemetry
from deltawire.differ.memory import POSITION, restore
from deltawire.differ.state import FeedState, Known
from deltawire.log.port import Outgoing, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import Entry, FeedRef

TOPICS = Topics()
NOW = datetime(2026, 2, 1, tzinfo=UTC)
WORDS = ("the", "harbour", "was", "closed", "after", "smoke", "had", "been", "seen", "over", "an", "old", "quay")
RECALLS = 300
ROUNDS = 3
"""The fastest of each side counts."""


class Figures(msgspec.Struct):
    """Seconds of the restore, MiB grown by then and at the worst moment, microseconds of a feed cold and hot."""

    seconds: float
    grown: float
    peak: float
    cold: float = 0.0
    hot: float = 0.0


def text(rng: random.Random, size: int) -> str:
    return " ".join(rng.choices(WORDS, k=size // 5))[:size]


def state_of(feed_id: str, entries: int, size: int, rng: random.Random) -> list[Outgoing]:
    ids = [f"{feed_id}-entry-{number}" for number in range(entries)]
    ref = FeedRef(id=feed_id, url=f"https://example.org/{feed_id}", generation="g")
    state = FeedState(feed=ref, epoch="a", since=NOW, began_at=NOW, fetched_at=NOW, order=tuple(ids))
    out = [Outgoing(topic=TOPICS.differ_state, key=feed_id, value=msgspec.json.encode(state))]
    for id_ in ids:
        body = text(rng, size // 2)
        entry = Entry(id=id_, source_id=id_, content_text=body, content_html=f"<p>{body}</p>", published_at=NOW)
        value = msgspec.json.encode(Known(entry=entry, revision=1))
        out.append(Outgoing(topic=TOPICS.differ_state, key=f"{feed_id}/{id_}", value=value))
    return out


async def prepare(path: Path, feeds: int, entries: int, size: int) -> None:
    log = await SqliteLog.open(path, TOPICS, partitions=1, maintenance_interval=None)
    rng = random.Random(1)
    for number in range(feeds):
        await log.append(state_of(f"feed-{number}", entries, size, rng))
    await log.append([Outgoing(topic=TOPICS.differ_state, key=POSITION, value=b"0", partition=0)])
    await log.close()


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def measure(side: str, path: Path) -> Figures:
    log = await SqliteLog.open(path, TOPICS, partitions=1, maintenance_interval=None)
    before, began = resident(), time.perf_counter()
    states: dict[str, FeedState] = {}
    known: dict[str, Known] = {}
    memory = None
    if side == "shelf":
        memory = await restore(log, TOPICS, 0)
    else:
        async for record in snapshot(log, TOPICS.differ_state):
            if side == "read" or record.key is None or record.key == POSITION:
                continue
            if "/" in record.key:
                known[record.key] = msgspec.json.decode(record.value or b"", type=Known)
            else:
                states[record.key] = msgspec.json.decode(record.value or b"", type=FeedState)
    seconds = time.perf_counter() - began
    grown, peak = resident() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10 - before
    figures = Figures(seconds, grown, peak)
    if memory is not None:
        feeds = random.Random(2).sample(memory.feeds(), RECALLS)
        figures.cold = timed([(memory.recall, feed) for feed in feeds])
        figures.hot = timed([(memory.recall, feeds[-1]) for _ in feeds])
        figures.grown = max(grown, resident() - before)
        memory.close()
    await log.close()
    return figures


def timed(calls: list[tuple[object, str]]) -> float:
    began = time.perf_counter()
    for call, feed in calls:
        call(feed)  # type: ignore[operator]
    return (time.perf_counter() - began) / len(calls) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--feeds", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=50)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        telemetry.configure_logging("warning")
        side, path = arguments.side
        print(msgspec.json.encode(asyncio.run(measure(side, Path(path)))).decode())
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        asyncio.run(prepare(path, arguments.feeds, arguments.entries, arguments.size))
        found: dict[str, Figures] = {}
        for side in ("read", "decoded", "shelf") * ROUNDS:
            command = [sys.executable, __file__, "--side", side, str(path)]
            out = subprocess.run(command, check=True, capture_output=True).stdout
            one = msgspec.json.decode(out, type=Figures)
            if side not in found or one.seconds < found[side].seconds:
                found[side] = one
    read, decoded, shelf = found["read"], found["decoded"], found["shelf"]
    print(f"{arguments.feeds} feeds x {arguments.entries} entries x {arguments.size} bytes")
    for side, one in found.items():
        print(f"{side:8} restore {one.seconds:6.2f} s   grown {one.grown:7.1f} MiB   peak {one.peak:7.1f} MiB")
    print(f"shelf to decoded: memory {shelf.grown / decoded.grown:.3f}, restart {shelf.seconds / decoded.seconds:.2f}")
    print(f"shelf to read only: restart {shelf.seconds / read.seconds:.2f}")
    print(f"recall of a feed: {shelf.cold:.0f} us cold, {shelf.hot:.1f} us hot")


if __name__ == "__main__":
    main()
