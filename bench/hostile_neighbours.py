"""What 20 feeds of bombs and 200 that never finish an answer do to the feeds beside them, in one ``deltawire run``.

    .venv/bin/python bench/hostile_neighbours.py [--feeds N] [--seconds S] [--rounds N] [--interval S] [--restless]

The healthy feeds run alone and beside the others in turn, so that both see the same machine. Shown is how much
longer than their interval the healthy feeds waited for their next request, by the origin (scheduling and the fetch),
in each round and in all. The first meeting with the hostile feeds is counted, too. At the end the healthy feeds
stand still and the events in the log are compared with what the origin showed.
The status is 1 if an event is wrong or missing, if a feed was left alone for two intervals, if the process ended, or if
memory grew by more than a quarter in the second half of the hostile time. Delays are shown, not judged: on a busy
machine they say nothing alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from feed_origin import Origin, Site
from fleet import Ending, Fleet, delays, percentile, wait_for_all, wind_up

BOMBS = 20
DRIPS = 200
GROWTH = 1.25


class Part(NamedTuple):
    since: float
    until: float
    cpu: float

    def delays(self, ending: Ending, interval: float) -> list[float]:
        return delays(ending.asked, interval, self.since, self.until)


def part(fleet: Fleet, seconds: float) -> Part:
    began, cpu = time.monotonic(), fleet.cpu()
    fleet.rest(seconds)
    return Part(began, time.monotonic(), fleet.cpu() - cpu)


def compared(share: int, alone: Sequence[float], beside: Sequence[float]) -> str:
    one, other = percentile(alone, share), percentile(beside, share)
    return f"p{share} {one:.3f} s alone, {other:.3f} beside, ratio {other / one:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30, help="of each part, two of which are a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--interval", type=float, default=5)
    parser.add_argument("--every", type=float, default=30, help="seconds between two versions of a feed, on average")
    parser.add_argument("--restless", action="store_true", help="each bomb differs from look to look")
    options = parser.parse_args()
    site = Site(10, 2, options.every)
    hosts, bombs = options.feeds, "restless" if options.restless else "bomb"
    with (
        tempfile.TemporaryDirectory(dir=".") as name,
        # As many hosts for the hostile feeds: only the machine is shared.
        Origin(options.feeds, site, hosts=hosts) as origin,
        Origin(1, hosts=BOMBS + DRIPS) as hostile,
    ):
        origin.ask("by the clock")
        urls = [origin.url(n) for n in range(options.feeds)]
        others = [hostile.url(n, kind) for n, kind in enumerate([bombs] * BOMBS + ["drip"] * DRIPS)]
        hostile.stand_aside()
        for url in others[:BOMBS]:
            # Making them takes seconds, which are none of what they do to whoever reads them.
            with urllib.request.urlopen(url) as response:
                response.read()
        with Fleet(Path(name).resolve(), urls, options.interval) as fleet:
            wait_for_all(fleet, origin)
            rounds = []
            for _ in range(options.rounds):
                alone = part(fleet, options.seconds)
                fleet.others(others, options.interval)
                rounds.append((alone, part(fleet, options.seconds)))
                fleet.others(others, options.interval, paused=True)
                fleet.rest(2)
            ending = wind_up(fleet, origin, site, options.interval)
    print(f"{options.feeds} healthy feeds every {options.interval:g} s; {BOMBS} of bombs ({bombs}), {DRIPS} that drip")
    waits = [tuple(part.delays(ending, options.interval) for part in pair) for pair in rounds]
    for number, ((alone, beside), (first, second)) in enumerate(zip(waits, rounds, strict=True), start=1):
        seconds = f"CPU {first.cpu:.1f} s and {second.cpu:.1f}"
        print(f"  round {number}: {compared(50, alone, beside)}; {compared(99, alone, beside)}; {seconds}")
    alone, beside = ([wait for pair in waits for wait in pair[side]] for side in (0, 1))
    for share in (50, 99):
        print(f"  delay of the healthy, {len(alone)} and {len(beside)} looks: {compared(share, alone, beside)}")
    samples = [s for s in fleet.memory if any(beside.since <= s.at < beside.until for _, beside in rounds)]
    halves = samples[: len(samples) // 2], samples[len(samples) // 2 :]
    all_, own = ([max(s[place] for s in half) for half in halves] for place in (1, 2))
    quiet = max(s.own for s in fleet.memory if s.at < rounds[0][0].until)
    print(
        f"memory: {quiet:.0f} MiB at first; beside, in the first and second half of that: {own[0]:.0f} and {own[1]:.0f}"
    )
    print(f"  with the reader processes {all_[0]:.0f} and {all_[1]:.0f}")
    print(ending.told())
    if ending.mistakes or ending.forgotten or max(own[1] / own[0], all_[1] / all_[0]) > GROWTH:
        sys.exit(1)


if __name__ == "__main__":
    main()
