"""What a look costs from the request to the committed event, beside the bare fetch and beside lemon24/reader.

    .venv/bin/python bench/poller_bench.py [--feeds N] [--rounds N] [--reader-feeds N] [--only LOOK]

The poller and the differ run in this process on the SQLite log, as in ``deltawire run``, pinned to one core; the
origin is a process on another. Feeds have 50 entries, 127 KB of RSS. The bare side is a loop that asks aiohttp for the
same documents with the same validators and does nothing with them; lemon24/reader runs on the same core, in a virtual
environment of its own that is made for it. The three take turns, round by round; figures are medians of the rounds, CPU
time that of all threads. Nobody waits for a schedule: as many looks as go, CONCURRENCY at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import ssl
import statistics
import subprocess
import tempfile
import time
import venv
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable
from pathlib import Path
from typing import NamedTuple

import aiohttp
import aiohttp.connector
from feed_origin import SHOWN, Origin

from deltawire import net, telemetry
from deltawire.cli.run import collect_rarely
from deltawire.clock import utc_now
from deltawire.config import Config, FetchConfig
from deltawire.differ import service as differ
from deltawire.differ.state import Policy
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import DOUBTFUL, REVERSAL_LOOKS, Feed
from deltawire.poller.guard import Guard
from deltawire.poller.shared import Poller
from deltawire.poller.watch import Watch
from deltawire.poller_state import FetchState

CONCURRENCY = 64
HOSTS = 50
CONFIRMED = max(Policy().removal_looks, REVERSAL_LOOKS * DOUBTFUL) + 1
"""Looks after a change that are written down, for the differ to confirm it."""

READER = ("reader==3.26", "sgmllib3k==1.0.0")  # the second is wanted by the feedparser in the first
OUR_CORE, ORIGINS_CORE = 0, 1
FETCH = FetchConfig(
    allow_private_networks=True, per_host_rate=0, per_host_connections=CONCURRENCY, respect_robots=False
)


class Cost(NamedTuple):
    cpu: float
    wall: float


class Place(NamedTuple):
    name: str
    hosts: int
    tls: bool


PLACES = (
    Place("one host", 1, tls=False),
    Place(f"{HOSTS} hosts", HOSTS, tls=False),
    Place("one host, TLS", 1, tls=True),
)
FIRST, NOT_MODIFIED, SAME, CHANGED = "first sight", "304", "same body, no validators", "1 new, 1 edited"


async def at_once(work: Iterable[Awaitable[object]]) -> None:
    waiting = iter(work)

    async def worker() -> None:
        for one in waiting:
            await one

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


class Deltawire:
    """Poller and differ on a log. ``look`` looks at every feed once, until all is committed."""

    def __init__(self, log: SqliteLog, topics: Topics, poller: Poller, urls: list[str]) -> None:
        self._log = log
        self._topics = topics
        self._events = 0
        feeds = [Feed(id=f"feed-{n}", url=url, generation="g") for n, url in enumerate(urls)]
        self._watches = [Watch(poller, feed, FetchState(generation="g", url=feed.url)) for feed in feeds]

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, folder: Path, urls: list[str]) -> AsyncIterator[Deltawire]:
        topics = Topics()
        log = await SqliteLog.open(folder / "log.db", topics)
        async with net.make_session(FETCH) as session, Guard(5000) as guard:
            work = asyncio.create_task(differ.run(log, topics, "bench", Policy()))
            poller = Poller(log, topics, Config(fetch=FETCH), session, utc_now, guard, "bench")
            try:
                yield cls(log, topics, poller, urls)
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                await log.close()

    async def look(self, events: int) -> None:
        self._events += events
        await at_once(watch.look() for watch in self._watches)
        while (committed := (await self._log.bounds(self._topics.events))[0][1]) < self._events:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if committed > self._events:
            raise SystemExit(f"{committed} events were committed, {self._events} are right")


async def rest() -> None:
    """Wait until nothing is at work in this process: the differ reads later what says only that nothing changed."""
    busy = True
    while busy:
        cpu = time.process_time()
        await asyncio.sleep(0.2)
        busy = time.process_time() - cpu > 0.01


class Bare:
    def __init__(self, session: aiohttp.ClientSession, urls: list[str]) -> None:
        self._session = session
        self._etags: dict[str, str] = dict.fromkeys(urls, "")

    async def look(self) -> None:
        await at_once(self.fetch(url) for url in self._etags)

    async def fetch(self, url: str) -> bytes:
        etag = self._etags[url]
        async with self._session.get(url, headers={"If-None-Match": etag} if etag else {}) as response:
            body = await response.read()
            self._etags[url] = response.headers.get("ETag", "")
            return body


class Reader:
    """lemon24/reader in its own process; ``why_not`` says why it is not there."""

    def __init__(self, python: Path | None, folder: Path, urls: list[str]) -> None:
        self.feeds = len(urls)
        self._process: subprocess.Popen[bytes] | None = None
        if python is not None and urls:
            script = Path(__file__).with_name("reader_rounds.py")
            self._process = subprocess.Popen(
                [python, script, folder / "reader.db", *urls], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )

    def look(self) -> Cost | None:
        if self._process is None:
            return None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"look\n")
        self._process.stdin.flush()
        cpu, wall, _ = json.loads(self._process.stdout.readline())
        return Cost(cpu / self.feeds, wall / self.feeds)

    def stop(self) -> None:
        if self._process is not None:
            self._process.communicate()


def install_reader(folder: Path) -> tuple[Path | None, str]:
    """The interpreter of an environment that has it; else null, and why not."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    done = subprocess.run([python, "-m", "pip", "install", "-q", *READER], capture_output=True, text=True)
    return (python, "") if done.returncode == 0 else (None, (done.stderr.strip().splitlines() or ["pip failed"])[-1])


async def cost(count: int, work: Awaitable[object]) -> Cost:
    cpu, wall = time.process_time(), time.perf_counter()
    await work
    return Cost((time.process_time() - cpu) / count, (time.perf_counter() - wall) / count)


Costs = dict[tuple[str, str], list[Cost]]
"""By what was looked at and by whom: of one look, in seconds, in each round."""


async def measure(place: Place, options: argparse.Namespace, python: Path | None) -> Costs:
    costs: Costs = defaultdict(list)
    count = options.feeds
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        tls = certificate(folder) if place.tls else None
        readers = options.reader_feeds if place is PLACES[0] and python else 0
        with Origin(2 * count + readers, hosts=place.hosts, tls=tls, core=ORIGINS_CORE) as origin:
            urls = [origin.url(n) for n in range(2 * count + readers)]
            reader = Reader(python, folder, urls[2 * count :])
            connector = aiohttp.TCPConnector(limit=0)
            async with (
                Deltawire.running(folder, urls[:count]) as deltawire,
                aiohttp.ClientSession(connector=connector) as session,
            ):
                bare = Bare(session, urls[count : 2 * count])

                async def rounds(what: str, number: int, events: int) -> None:
                    for _ in range(number):
                        costs[what, "deltawire"].append(await cost(count, deltawire.look(events)))
                        costs[what, "bare"].append(await cost(count, bare.look()))
                        if (theirs := await asyncio.to_thread(reader.look)) is not None:
                            costs[what, "reader"].append(theirs)

                # The event of the feed's own, too.
                await rounds(FIRST, 1, count * (SHOWN + 1))
                for what, mode, events in ((NOT_MODIFIED, "304", 0), (SAME, "same", 0), (CHANGED, "changed", 2)):
                    if options.only not in (None, what):
                        continue
                    origin.ask(mode)
                    if what != CHANGED:
                        for _ in range(CONFIRMED):
                            await deltawire.look(0)
                            await bare.look()
                        await rest()
                    await rounds(what, options.rounds, events * count)
            await asyncio.to_thread(reader.stop)
    return costs


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that this process believes from now on."""
    key, made = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *subject]
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    aiohttp.connector._SSL_CONTEXT_VERIFIED = ssl.create_default_context(cafile=str(made))
    return made, key


def show(place: Place, costs: Costs) -> None:
    for what in dict.fromkeys(what for what, _ in costs):
        cpu, wall = (
            {who: statistics.median(part(c) for c in costs[what, who]) for w, who in costs if w == what}
            for part in (lambda c: c.cpu, lambda c: c.wall)
        )
        cells = [f"{1 / wall['deltawire']:9,.0f}{1000 * cpu['deltawire']:8.3f}{1000 * cpu['bare']:8.3f}"]
        cells += [f"{bare['bare'] / bare['deltawire']:8.2f}" for bare in (wall, cpu)]
        if "reader" in cpu:
            cells += [f"{1000 * cpu['reader']:9.2f}"]
            cells += [f"{reader['reader'] / reader['deltawire']:8.1f}" for reader in (wall, cpu)]
        print(f"{place.name:16}{what:26}{''.join(cells)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--reader-feeds", type=int, default=100, help="reader takes 0.1 s CPU for each; 0 leaves it out"
    )
    parser.add_argument("--places", type=int, default=len(PLACES))
    parser.add_argument("--only", choices=(NOT_MODIFIED, SAME, CHANGED), help="for a profiler: one kind of look")
    parser.add_argument("--reader-python", type=Path, help="an interpreter that has reader, instead of a new one")
    options = parser.parse_args()
    os.sched_setaffinity(0, {OUR_CORE})
    telemetry.configure_logging("warning")
    collect_rarely()
    print(f"{'':42}  looks/s  ms CPU    bare  of bare, wall and CPU  reader ms, times ours by wall and CPU")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        python, why_not = options.reader_python, ""
        if python is None and options.reader_feeds:
            python, why_not = install_reader(Path(folder))
        for place in PLACES[: options.places]:
            show(place, asyncio.run(measure(place, options, python)))
        if python is None:
            print(f"without lemon24/reader: {why_not or 'not wanted'}")
    print(f"{options.feeds} feeds, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
