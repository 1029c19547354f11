"""What 20 feeds of bombs and 200 that never finish an answer do to the feeds beside them, in one ``deltawire run``.

    .venv/bin/python bench/hostile_neighbours.py [--feeds N] [--seconds S] [--interval S]

First the healthy feeds run alone, for the baseline; then the others are added, and both run on. Shown is how much
longer than their interval the healthy feeds waited for their next request, by the origin (scheduling and the fetch),
before and after. At the end the healthy feeds stand still and the events in the log are compared with what the origin
showed.
The status is 1 if an event is wrong or missing, if a feed was left alone for two intervals, if the process ended, or if
memory grew by more than a quarter in the second half of the hostile time. Delays are shown, not judged: on a busy
machine they say nothing alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from feed_origin import Origin, Site
from fleet import Fleet, delays, forgotten, percentile, wait_for_all

BOMBS = 20
DRIPS = 200
GROWTH = 1.25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=120, help="of each of the two parts")
    parser.add_argument("--interval", type=float, default=5)
    parser.add_argument("--every", type=float, default=30, help="seconds between two versions of a feed, on average")
    options = parser.parse_args()
    site = Site(10, 2, options.every)
    hosts = options.feeds
    with (
        tempfile.TemporaryDirectory(dir=".") as name,
        # As many hosts for the hostile feeds: only the machine is shared.
        Origin(options.feeds, site, hosts=hosts) as origin,
        Origin(1, hosts=BOMBS + DRIPS) as hostile,
    ):
        origin.ask("by the clock")
        urls = [origin.url(n) for n in range(options.feeds)]
        with Fleet(Path(name).resolve(), urls, options.interval) as fleet:
            wait_for_all(fleet, origin)
            began = time.monotonic()
            fleet.rest(options.seconds)
            added = time.monotonic()
            kinds = ["bomb"] * BOMBS + ["drip"] * DRIPS
            fleet.add([hostile.url(n, kind) for n, kind in enumerate(kinds)], options.interval)
            fleet.rest(options.seconds)
            ended = time.monotonic()
            origin.ask("304")
            versions = origin.ask("versions")
            fleet.rest(options.interval + 5)
            asked, until = origin.ask("asked"), time.monotonic()
            fleet.stop()
            mistakes = fleet.mistakes(site, versions)
    alone = delays(asked, options.interval, began, added)
    beside = delays(asked, options.interval, added, ended)
    left = forgotten(asked, options.interval, until)
    quiet = [sample.memory for sample in fleet.memory if began <= sample.at < added]
    memory = [sample.memory for sample in fleet.memory if added <= sample.at < ended]
    early, late = memory[: len(memory) // 2], memory[len(memory) // 2 :]
    print(f"{options.feeds} healthy feeds every {options.interval:g} s; {BOMBS} of bombs and {DRIPS} that drip")
    for share in (50, 99):
        one, other = percentile(alone, share), percentile(beside, share)
        print(f"  p{share} of the delay of the healthy: {one:.3f} s alone, {other:.3f} beside; ratio {other / one:.2f}")
    print(f"memory: {max(quiet):.0f} MiB alone, {max(early):.0f} beside, {max(late):.0f} in the second half of that")
    print(f"forgotten feeds: {len(left)}; events that are wrong: {len(mistakes)}; load {os.getloadavg()[0]:.1f}")
    for mistake in mistakes[:5]:
        print(" ", mistake)
    if mistakes or left or max(late) > GROWTH * max(early):
        sys.exit(1)


if __name__ == "__main__":
    main()
