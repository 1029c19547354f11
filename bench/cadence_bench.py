"""How late changes are found for a given number of requests: deltawire's cadence, a fixed interval, and Miniflux's
entry_frequency rule, simulated on the same invented histories of changes.

    .venv/bin/python bench/cadence_bench.py [--feeds 100] [--days 7] [--minutes 10] [--seed 1]

No network and no clock: what is simulated is when each feed is looked at. All rules get the same budget of requests,
one each ``--minutes`` a feed on average; Miniflux's by its factor, once with its own bounds (5 minutes to a day) and
once with ours (10 s to ``--longest``).
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from deltawire.config import FetchConfig
from deltawire.model import Feed
from deltawire.poller import cadence, schedule
from deltawire.poller_state import FetchState

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 86_400.0
WARM_UP = 7
KINDS = {"live blog": 0.15, "news": 0.15, "daily": 0.35, "weekly": 0.15, "dead": 0.2}

History = list[float]
Rule = Callable[[float, History], float]


def history(kind: str, days: int, chance: random.Random) -> History:
    """Seconds since START at which the feed changes."""
    changes: History = []
    if kind == "live blog":
        for day in range(days):
            if chance.random() < 0.7:
                moment = day * DAY + chance.gauss(9, 3) * 3600
                close = moment + chance.uniform(3, 14) * 3600
                while moment < close:
                    # The pace of a blog wanders: a goal, a lull, a press conference.
                    pace = chance.choice((60, 120, 240, 600, 1500))
                    for _ in range(chance.randint(2, 12)):
                        moment += chance.expovariate(1 / pace)
                        changes.append(moment)
    elif kind == "news":
        for day in range(days):
            changes += [day * DAY + chance.gauss(13, 4) * 3600 for _ in range(chance.randint(15, 60))]
    elif kind == "daily":
        hour = chance.uniform(0, 24)
        for day in range(days):
            changes += [day * DAY + hour * 3600 + chance.gauss(0, 1200) for _ in range(chance.choice((1, 1, 1, 2)))]
    elif kind == "weekly":
        moment = 0.0
        while moment < days * DAY:
            moment += chance.expovariate(1 / (7 * DAY))
            changes.append(moment)
    return sorted(moment for moment in changes if 0 <= moment < days * DAY)


class Run:
    """Looks at every feed in the order of time, and the delays with which changes after the warm-up were seen."""

    def __init__(self, histories: list[tuple[str, History]], days: int) -> None:
        self.histories = histories
        self.end = days * DAY
        self.requests = 0
        self.delays: list[tuple[str, float]] = []

    def look(self, number: int, before: float, now: float) -> bool:
        """A look at a feed, the one before being at ``before``; whether it had changed."""
        kind, changes = self.histories[number]
        seen = changes[bisect_right(changes, before) : bisect_right(changes, now)]
        if now >= WARM_UP * DAY:
            self.requests += 1
            self.delays += [(kind, now - moment) for moment in seen if moment >= WARM_UP * DAY]
        return bool(seen)


def simple(histories: list[tuple[str, History]], days: int, rule: Rule) -> Run:
    run = Run(histories, days)
    for number, (_, changes) in enumerate(histories):
        before = 0.0
        now = schedule.jitter(str(number), 0) * 600
        while now < run.end:
            run.look(number, before, now)
            before, now = now, now + rule(now, changes)
    return run


def fixed(minutes: float) -> Rule:
    return lambda _now, _changes: minutes * 60


def miniflux(factor: float, shortest: float, longest: float) -> Rule:
    """ScheduleNextCheck of Miniflux 2.3: a week by the number of its entries and a factor, within bounds."""

    def rule(now: float, changes: History) -> float:
        entries = bisect_right(changes, now) - bisect_left(changes, now - 7 * DAY)
        return min(max(7 * DAY / (entries * factor), shortest), longest) if entries else longest

    return rule


def ours(histories: list[tuple[str, History]], days: int, per_second: float, longest: float) -> Run:
    """``schedule.plan`` as the poller uses it, with a budget shared anew every ten minutes of simulated time."""
    run = Run(histories, days)
    fetch = FetchConfig()
    feeds = [Feed(id=str(number), url="", max_interval=longest) for number in range(len(histories))]
    states = [FetchState(generation="1", state="ok") for _ in feeds]
    before = [0.0] * len(feeds)
    due = [(schedule.jitter(feed.id, 0) * 600, number) for number, feed in enumerate(feeds)]
    heapq.heapify(due)
    pace, shared = 0.0, -math.inf
    while due[0][0] < run.end:
        now, number = heapq.heappop(due)
        moment = START + timedelta(seconds=now)
        if now - shared >= 600:
            demands = [schedule.demand(feed, state, moment) for feed, state in zip(feeds, states, strict=True)]
            pace, shared = cadence.pace(demands, per_second), now
        changed = run.look(number, before[number], now)
        before[number] = now
        state = states[number]
        state = msgspec.structs.replace(
            state,
            rhythm=cadence.after(state.rhythm, moment, changed=changed),
            last_change_at=moment if changed else state.last_change_at,
        )
        outcome: schedule.Outcome = "changed" if changed else "unchanged"
        plan = schedule.plan(feeds[number], state, outcome, moment, fetch, None, pace)
        states[number] = msgspec.structs.replace(state, interval=plan.interval)
        heapq.heappush(due, (now + (plan.next_poll_at - moment).total_seconds(), number))
    return run


def fitted(run_of: Callable[[float], Run], requests: float, low: float, high: float) -> Run:
    """The run whose parameter makes it take as many requests as the others, more requests for a larger one."""
    for _ in range(8):
        middle = math.sqrt(low * high)
        run = run_of(middle)
        low, high = (low, middle) if run.requests > requests else (middle, high)
    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--feeds", type=int, default=100)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--longest", type=float, default=3600, help="max_interval in seconds")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    days = WARM_UP + arguments.days
    kinds = [kind for kind, part in KINDS.items() for _ in range(round(part * arguments.feeds))]
    histories = [(kind, history(kind, days, chance)) for kind in kinds]
    requests = len(histories) * arguments.days * 1440 / arguments.minutes
    longest = arguments.longest

    def flux(shortest: float, most: float) -> Run:
        return fitted(lambda f: simple(histories, days, miniflux(f, shortest, most)), requests, 0.01, 1e4)

    runs = {
        f"fixed interval, {arguments.minutes:g} min": simple(histories, days, fixed(arguments.minutes)),
        "Miniflux entry_frequency, 5 min to 1 day": flux(300, DAY),
        f"Miniflux entry_frequency, 10 s to {longest:g} s": flux(10, longest),
        f"deltawire, 10 s to {longest:g} s": fitted(
            lambda budget: ours(histories, days, budget, longest), requests, 1e-4, 10
        ),
    }
    print(f"seed {arguments.seed}: {len(histories)} feeds, {arguments.days} days after {WARM_UP} of warm-up\n")
    print(f"| rule | looks a feed and day | mean delay, s | p95 | {' | '.join(KINDS)} |".replace(" | dead", ""))
    print("| --- | --- | --- | --- |" + " --- |" * (len(KINDS) - 1))
    for name, run in runs.items():
        delays = sorted(delay for _, delay in run.delays)
        by_kind = [[delay for kind, delay in run.delays if kind == wanted] for wanted in KINDS]
        means = " | ".join(f"{statistics.fmean(some):.0f}" for some in by_kind if some)
        looks = run.requests / len(histories) / arguments.days
        p95 = delays[int(0.95 * len(delays))]
        print(f"| {name} | {looks:.0f} | {statistics.fmean(delays):.0f} | {p95:.0f} | {means} |")


if __name__ == "__main__":
    main()
