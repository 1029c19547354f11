"""``deltawire run`` on many feeds of an origin: started, watched, and its events checked against what was served."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
from feed_origin import Origin, Site, cpu_of

from deltawire.log.engines import open_log
from deltawire.log.port import snapshot
from deltawire.log.topics import Topics
from deltawire.model import Feed
from deltawire.wanted import records

COMMAND = str(Path(sys.executable).with_name("deltawire"))
GENERATION = "g"


class Sample(NamedTuple):
    """MiB at a time: of the process with its readers, and of it alone."""

    at: float
    memory: float
    own: float


class Ending(NamedTuple):
    """The last version of each feed, when each was asked, those that were left alone, and what is wrong in the log."""

    versions: list[int]
    asked: list[list[float]]
    forgotten: list[int]
    mistakes: list[str]

    def told(self) -> str:
        counts = f"forgotten feeds: {len(self.forgotten)}; events that are wrong: {len(self.mistakes)}"
        return "\n  ".join([f"{counts}; load {os.getloadavg()[0]:.1f}", *self.mistakes[:5]])


class Fleet:
    """The process. Use it as a context manager; ``memory`` are samples of its resident size, its readers' included."""

    def __init__(self, folder: Path, urls: Sequence[str], interval: float) -> None:
        self.memory: list[Sample] = []
        self._interval = interval
        self._log = f"sqlite:///{folder / 'log.db'}"
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        feeds = "".join(
            f'[[feeds]]\nid = "feed-{n}"\nurl = "{url}"\nmin_interval = {interval}\nmax_interval = {interval}\n'
            for n, url in enumerate(urls)
        )
        (folder / "deltawire.toml").write_text(
            f'[log]\nurl = "{self._log}"\n[store]\nurl = "sqlite:///{folder / "store.db"}"\n[gateway]\nport = 0\n'
            f"[ops]\nport = {self._port}\n[fetch]\nallow_private_networks = true\n{feeds}",
            encoding="utf-8",
        )

    def __enter__(self) -> Fleet:
        with (self._folder / "stderr").open("wb") as log:
            self._process = subprocess.Popen([COMMAND, "run"], cwd=self._folder, stdout=log, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait() != 0:
            raise SystemExit("deltawire run did not end as it should")

    def rest(self, seconds: float) -> None:
        """Let it run, measuring its memory. It must not end meanwhile."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            time.sleep(min(2.0, max(0.0, end - now)))
            if self._process.poll() is not None:
                raise SystemExit(f"deltawire ended: {(self._folder / 'stderr').read_text()[-2000:]}")
            self.memory.append(Sample(now, self.resident(), _resident(self._process.pid)))

    def ready(self) -> None:
        """Wait until it answers; by then few feeds were looked at."""
        for _ in range(600):
            try:
                self.lateness()
            except OSError:
                self.rest(0.1)
            else:
                return
        raise SystemExit("deltawire did not start within a minute")

    def resident(self) -> float:
        """MiB of memory, its readers' included."""
        return sum(map(_resident, _family(self._process.pid)))

    def lateness(self) -> dict[float, float]:
        """Looks so far by how late they were at most, in seconds."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as response:
            told = response.read().decode()
        found = re.findall(r'deltawire_poll_lateness_seconds_bucket\{le="([^"]+)"\} (\S+)', told)
        return {float(bound): float(count) for bound, count in found}

    def cpu(self) -> float:
        """Seconds of CPU time so far, without its readers."""
        return cpu_of(self._process.pid)

    def others(self, urls: Iterable[str], interval: float, *, paused: bool = False) -> None:
        """Follow some more, of which no events are expected; or pause them all."""
        feeds = [
            Feed(
                id=f"other-{n}",
                url=url,
                min_interval=interval,
                max_interval=interval,
                paused=paused,
                generation=GENERATION,
            )
            for n, url in enumerate(urls)
        ]

        async def write() -> None:
            topics = Topics()
            log = await open_log(self._log, topics, role="guest")
            await log.append(records(topics, feeds))
            await log.close()

        asyncio.run(write())

    def mistakes(self, site: Site, versions: Sequence[int]) -> list[str]:
        """How the entry events that were written differ from what the feeds of the origin showed."""
        return asyncio.run(_mistakes(self._log, site, versions))


async def _mistakes(url: str, site: Site, versions: Sequence[int]) -> list[str]:
    topics = Topics()
    log = await open_log(url, topics, role="guest")
    seen: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    found: list[str] = []
    async for record in snapshot(log, topics.events):
        kind = record.headers["ce_type"]
        if not kind.startswith("deltawire.entry.") or (record.key or "").startswith("other-"):
            continue
        entry = msgspec.json.decode(record.value or b"")["entry"]
        seen[record.key or ""][kind, entry["source_id"]] += 1
        number = int(entry["source_id"].partition("-")[2])
        put_right = "This was put right later." in entry["content_text"]
        if put_right != (kind == "deltawire.entry.updated"):
            found.append(f"{record.key}: {kind} of {entry['source_id']} has the text of another version")
        if not entry["title"].startswith(f"Post {number} "):
            found.append(f"{record.key}: {entry['source_id']} has the title {entry['title']!r}")
    await log.close()
    for number, version in enumerate(versions):
        newest = site.newest(version)
        right = Counter({("deltawire.entry.created", f"{number}-{n}"): 1 for n in range(1, newest + 1)})
        edited = [site.edited(v) for v in range(1, version + 1)]
        right.update(("deltawire.entry.updated", f"{number}-{n}") for n in edited if n is not None)
        got = seen[f"feed-{number}"]
        if got != right:
            found.append(f"feed-{number} at version {version}: missing {right - got}, too many {got - right}")
    return found


def wind_up(fleet: Fleet, origin: Origin, site: Site, interval: float) -> Ending:
    """Let the feeds stand still, wait until each was asked once more, stop the process and check what it wrote."""
    origin.ask("304")
    versions = origin.ask("versions")
    fleet.rest(interval + 5)
    asked, until = origin.ask("asked"), time.monotonic()
    fleet.stop()
    return Ending(versions, asked, forgotten(asked, interval, until), fleet.mistakes(site, versions))


def share_within(before: dict[float, float], after: dict[float, float], seconds: float) -> float:
    """The share of the looks between two measurements that were no later than that."""
    total = after[float("inf")] - before[float("inf")]
    return (after[seconds] - before[seconds]) / max(1.0, total)


def delays(asked: Sequence[Sequence[float]], interval: float, since: float, until: float) -> list[float]:
    """How much longer than the interval feeds waited between two requests: lateness and the fetch before it."""
    return [
        later - sooner - interval
        for times in asked
        for sooner, later in pairwise(times)
        if since <= sooner and later <= until
    ]


def forgotten(asked: Sequence[Sequence[float]], interval: float, until: float) -> list[int]:
    """The feeds that were left alone for two intervals and more."""
    return [
        number
        for number, times in enumerate(asked)
        if not times or max(b - a for a, b in zip(times, [*times[1:], until], strict=True)) > 2 * interval
    ]


def percentile(values: Sequence[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def wait_for_all(fleet: Fleet, origin: Origin) -> None:
    """Until every feed was read once."""
    while -1 in origin.ask("versions"):
        fleet.rest(2)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


def _resident(pid: int) -> float:
    """MiB."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # a reader process that has just ended
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0
