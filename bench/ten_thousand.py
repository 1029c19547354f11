"""``deltawire run`` on ten thousand feeds: how late its looks are, what memory it takes, if every event is right.

    .venv/bin/python bench/ten_thousand.py [--feeds N] [--seconds S] [--interval S] [--entries N]

The origin, a process beside it on the same cores, is asked for each feed every 30 seconds. Each feed changes at a time
of its own (one entry new, one edited), every ten minutes on average, and answers 304 between. The time that is measured
begins when every feed was read once; they start as fast as the process can read them. At the end the feeds stand
still, and the events in the log are compared with what the origin showed. The status is 1 if one is wrong or missing,
if a feed was left alone for two intervals, or if memory grew by more than a tenth in the second half.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from feed_origin import Origin, Site
from fleet import Fleet, delays, percentile, share_within, wait_for_all, wind_up

GROWTH = 1.1
SETTLED = 5.0
"""Seconds after the last first sight in which its events are written."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--interval", type=float, default=30)
    parser.add_argument("--every", type=float, default=600, help="seconds between two versions of a feed, on average")
    parser.add_argument("--entries", type=int, default=10)
    parser.add_argument("--paragraphs", type=int, default=2, help="of an entry, 330 bytes each")
    parser.add_argument("--hosts", type=int, default=2000)
    options = parser.parse_args()
    site = Site(options.entries, options.paragraphs, options.every)
    hosts = min(options.hosts, options.feeds)
    if options.seconds < 2 * options.interval:
        parser.error("--seconds must be two intervals at least")
    with tempfile.TemporaryDirectory(dir=".") as name, Origin(options.feeds, site, hosts=hosts) as origin:
        origin.ask("by the clock")
        urls = [origin.url(n) for n in range(options.feeds)]
        with Fleet(Path(name).resolve(), urls, options.interval) as fleet:
            fleet.ready()
            empty, cpu, asked = fleet.resident(), fleet.cpu(), time.monotonic()
            wait_for_all(fleet, origin)
            starting, cpu = time.monotonic() - asked, fleet.cpu() - cpu
            print(f"{options.feeds} feeds of {options.entries} entries on {hosts} hosts, every {options.interval:g} s")
            print(f"all read once after {starting:.0f} s; CPU {cpu / options.feeds * 1e3:.1f} ms each", flush=True)
            fleet.rest(SETTLED)
            before, began, cpu, first = fleet.lateness(), time.monotonic(), fleet.cpu(), origin.ask("versions")
            served = origin.cpu()
            fleet.rest(options.seconds)
            after, ended, cpu, served = fleet.lateness(), time.monotonic(), fleet.cpu() - cpu, origin.cpu() - served
            ending = wind_up(fleet, origin, site, options.interval)
    waits = delays(ending.asked, options.interval, began, ended)
    early = delays(ending.asked, options.interval, asked, began)
    memory = [sample.memory for sample in fleet.memory if began <= sample.at <= ended]
    half = len(memory) // 2
    looks = after[float("inf")] - before[float("inf")]
    changes, cores = sum(ending.versions) - sum(first), (cpu / (ended - began), served / (ended - began))
    print(f"{looks:,.0f} looks in {ended - began:.0f} s, {changes:,} changes; CPU {cpu / looks * 1e3:.2f} ms each")
    print(f"  {cores[0]:.2f} of a core, the origin {cores[1]:.2f}")
    for bound in (0.05, 0.1, 0.25, 0.5, 1.0):
        print(f"  at most {bound:4g} s late: {100 * share_within(before, after, bound):7.3f} %")
    p99 = next(bound for bound in before if share_within(before, after, bound) >= 0.99)
    told = ", ".join(f"p{share} {percentile(waits, share):.3f} s" for share in (50, 99))
    print(f"  p99 of the lateness: at most {p99:g} s")
    print(f"  beyond the interval, by the origin: {told}, most {max(waits):.3f} s")
    print(f"  and of those read before, while others were read first: most {max(early, default=0.0):.3f} s")
    each = (memory[-1] - empty) / options.feeds * 1024
    peaks = f"{max(memory[:half]):.0f} at most in the first half, {max(memory[half:]):.0f} in the second"
    print(f"memory: {empty:.0f} MiB without feeds, {memory[-1]:.0f} with them, {each:.0f} KiB each; {peaks}")
    print(ending.told())
    if ending.mistakes or ending.forgotten or max(memory[half:]) > GROWTH * max(memory[:half]):
        sys.exit(1)


if __name__ == "__main__":
    main()
