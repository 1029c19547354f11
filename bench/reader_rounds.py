"""lemon24/reader on the feeds of an origin, a round at each line of standard input: run by poller_bench.py in a virtual
environment that has it. Prints the CPU and the wall seconds of each round as a JSON array.

    python reader_rounds.py DATABASE URL...
"""

from __future__ import annotations

import json
import sys
import time

from reader import make_reader  # type: ignore[import-not-found]

WORKERS = 8


def main() -> None:
    reader = make_reader(sys.argv[1])
    for url in sys.argv[2:]:
        reader.add_feed(url)
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        reader.update_feeds(scheduled=False, workers=WORKERS)
        taken = [time.process_time() - cpu, time.perf_counter() - wall]
        if failed := [feed.url for feed in reader.get_feeds(broken=True)]:
            sys.exit(f"reader could not read {failed[0]} and {len(failed) - 1} more")
        print(json.dumps([*taken, reader.get_entry_counts().total]), flush=True)


if __name__ == "__main__":
    main()
