"""Which blogs of a series are followed, over simulated days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from deltawire import patterns
from deltawire.config import FetchConfig, SeriesConfig
from deltawire.formats.links import Found
from deltawire.model import Feed
from deltawire.poller import schedule
from deltawire.poller.series_decide import FIRST, MOST_A_DAY, REMEMBERED, Decision, decide, has_news
from deltawire.poller.series_links import MOST_CANDIDATES, address_key, candidates, date_of
from deltawire.poller_state import FetchState, SeriesState

PAGE = "https://news.example/europe"
SERIES = SeriesConfig(id="europe", url=PAGE, match="europe live", tags=("world",))
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
replace = msgspec.structs.replace


def dated(day: date, slug: str = "europe-live") -> str:
    return f"https://news.example/live/{day:%Y/%b/%d}/{slug}".lower()


class World:
    """A series, the feeds that are wanted, and a clock."""

    def __init__(self, now: datetime = MIDNIGHT, series: SeriesConfig = SERIES) -> None:
        self.series = series
        self.state = SeriesState(url=series.url)
        self.feeds: dict[str, Feed] = {}
        self.now = now
        self.added: list[str] = []

    def look(self, *urls: str, after: timedelta = timedelta(minutes=2)) -> Decision:
        self.now += after
        links = [Found(url=url, title="Europe live") for url in urls]
        listed, _ = candidates(links, patterns.compiled(self.series.match), PAGE)
        if not has_news(self.state, listed):
            return Decision(state=self.state)
        decision = decide(self.series, self.state, listed, self.feeds, self.now)
        self.state = decision.state
        self.feeds |= {feed.id: feed for feed in decision.feeds}
        self.added += decision.added
        return decision

    def links(self) -> dict[str, str | None]:
        return {feed.id: feed.continues for feed in self.feeds.values()}


def test_each_midnight_starts_a_blog_that_continues_the_one_before() -> None:
    world = World()
    for day in range(5):
        today = (MIDNIGHT + timedelta(days=day)).date()
        shown = [dated(today - timedelta(days=back)) for back in range(min(day, 3) + 1)]
        for _ in range(4):
            world.look(*shown, after=timedelta(hours=6))
    days = [f"europe-2026-03-0{number}" for number in range(1, 6)]
    assert world.added == days
    assert world.links() == dict(zip(days, [None, *days[:-1]], strict=True))
    assert [world.feeds[name].continued_by for name in days] == [*days[1:], None]
    newest = world.feeds[days[-1]]
    assert (newest.series, newest.tags, newest.url) == ("europe", ("world",), dated(date(2026, 3, 5)))


def test_without_dates_each_new_address_is_a_blog_of_the_day_it_is_found() -> None:
    world = World()
    world.look(f"{PAGE}/live-monday")
    world.look(f"{PAGE}/live-tuesday", f"{PAGE}/live-monday", after=timedelta(days=1))
    world.look(f"{PAGE}/live-tuesday-evening", f"{PAGE}/live-tuesday")
    first, second, third = world.added
    assert (first, second) == ("europe-2026-03-01", "europe-2026-03-02")
    assert third.startswith("europe-2026-03-02-")
    assert world.links() == {first: None, second: first, third: second}


def test_two_blogs_open_at_once_are_both_followed_and_neither_continues_the_other() -> None:
    world = World()
    monday, tuesday = date(2026, 3, 1), date(2026, 3, 2)
    world.look(dated(monday))
    world.look(dated(tuesday), dated(tuesday, "europe-live-vote"), dated(monday), after=timedelta(days=1))
    one, other = world.added[1:]
    assert world.feeds[world.added[0]].continued_by in (one, other)
    assert sorted([world.links()[one] or "", world.links()[other] or ""]) == ["", world.added[0]]
    world.look(dated(date(2026, 3, 3)), after=timedelta(days=1))
    assert world.links()[world.added[-1]] in (one, other)


def test_a_blog_that_comes_back_is_the_one_it_was() -> None:
    world = World()
    monday, tuesday = dated(date(2026, 3, 1)), dated(date(2026, 3, 2))
    for shown in ([monday], [tuesday], [], [monday], [tuesday, monday], [monday]):
        world.look(*shown, after=timedelta(hours=8))
    assert world.added == ["europe-2026-03-01", "europe-2026-03-02"]
    assert world.links()["europe-2026-03-01"] is None


def test_a_removed_feed_is_not_added_again_and_the_next_continues_what_is_left() -> None:
    world = World()
    for day in (1, 2):
        world.look(dated(date(2026, 3, day)), after=timedelta(days=1))
    del world.feeds["europe-2026-03-02"]
    assert world.look(dated(date(2026, 3, 2))).added == ()
    world.look(dated(date(2026, 3, 3)), dated(date(2026, 3, 2)), after=timedelta(days=1))
    assert world.links() == {"europe-2026-03-01": None, "europe-2026-03-03": "europe-2026-03-01"}


def test_a_page_that_lists_an_old_blog_late_adds_nothing() -> None:
    world = World(MIDNIGHT + timedelta(days=4))
    world.look(dated(date(2026, 3, 5)))
    late = world.look(dated(date(2026, 3, 4)), dated(date(2026, 3, 5)))
    assert (late.added, late.passed) == ((), 1)
    assert world.look(dated(date(2026, 3, 4))).passed == 0


def test_the_first_look_takes_the_newest_day_only_whatever_stands_first() -> None:
    world = World()
    shown = [dated(date(2026, 2, 28)), dated(date(2026, 3, 1)), dated(date(2026, 2, 27))]
    assert world.look(*shown).added == ("europe-2026-03-01",)
    assert world.look(*shown).added == ()


def test_yesterdays_blog_listed_first_does_not_hide_todays_where_there_are_no_dates() -> None:
    world = World()
    world.look(f"{PAGE}/live-yesterday")
    world.look(f"{PAGE}/live-yesterday", f"{PAGE}/live-today", after=timedelta(days=1))
    assert world.links() == {"europe-2026-03-01": None, "europe-2026-03-02": "europe-2026-03-01"}


def test_five_hundred_matches_add_a_few() -> None:
    world = World()
    world.look(*(f"{PAGE}/live-{number}" for number in range(500)))
    assert len(world.added) == FIRST
    world.look(*(f"{PAGE}/live-again-{number}" for number in range(500)), after=timedelta(days=2))
    assert len(world.added) == 2 * FIRST


def test_a_page_that_lists_others_each_time_cannot_fill_the_poller_or_the_memory() -> None:
    world = World()
    for look in range(300):
        world.look(*(f"{PAGE}/live-{look}-{number}" for number in range(6)))
    assert len(world.added) == MOST_A_DAY
    assert len(world.state.blogs) == REMEMBERED
    assert {blog.feed for blog in world.state.blogs if blog.feed} == set(world.added)
    assert sum(not feed.paused for feed in world.feeds.values()) <= SERIES.keep + FIRST


def test_what_the_days_allowance_leaves_waits_for_the_next_day() -> None:
    world = World()
    for number in range(MOST_A_DAY):
        world.look(f"{PAGE}/live-{number}")
    assert world.look(f"{PAGE}/live-last").held == 1
    assert len(world.look(f"{PAGE}/live-last", after=timedelta(days=1)).added) == 1


def test_all_but_the_newest_rest_once_and_can_be_resumed() -> None:
    world = World(series=replace(SERIES, keep=2))
    for day in range(1, 5):
        world.look(dated(date(2026, 3, day)), after=timedelta(days=1))
    assert [feed.paused for feed in world.feeds.values()] == [True, True, False, False]
    world.feeds["europe-2026-03-01"] = replace(world.feeds["europe-2026-03-01"], paused=False)
    world.look(dated(date(2026, 3, 5)), after=timedelta(days=1))
    assert [feed.paused for feed in world.feeds.values()] == [False, True, True, False, False]


@pytest.mark.parametrize(
    "other",
    [
        "http://news.example/live/2026/mar/01/europe-live",
        "https://www.news.example/live/2026/mar/01/europe-live/?utm_source=feed#block-7",
        "https://amp.news.example/live/2026/mar/01/europe-live",
        "https://news.example/live/2026/mar/01/europe-live/amp",
        "https://news.example/live/2026/mar/01/europe-live?page=with:block-7",
        "https://m.news.example/live/2026/mar/01/europe-live?outputType=amp",
    ],
)
def test_one_blog_under_two_addresses_is_one_and_its_own_page_is_followed(other: str) -> None:
    own = dated(date(2026, 3, 1))
    for shown in ([own, other], [other, own]):
        world = World()
        assert world.look(*shown).added == ("europe-2026-03-01",)
        assert world.feeds["europe-2026-03-01"].url == own
        assert world.look(other).added == ()


def test_blogs_that_differ_in_their_query_are_two() -> None:
    assert address_key("https://news.example/live?id=1") != address_key("https://news.example/live?id=2")
    assert address_key("https://news.example/live?a=1&b=2") == address_key("https://news.example/live?b=2&a=1")


def test_a_feed_that_is_followed_already_becomes_part_of_the_series() -> None:
    world = World()
    by_hand = Feed(id="by-hand", url=dated(date(2026, 3, 2)) + "?utm_source=x", min_interval=7, generation="g")
    world.look(dated(date(2026, 3, 1)))
    world.feeds["by-hand"] = by_hand
    world.look(dated(date(2026, 3, 2)), after=timedelta(days=1))
    assert world.feeds["by-hand"] == replace(by_hand, series="europe", continues="europe-2026-03-01")
    assert world.feeds["europe-2026-03-01"].continued_by == "by-hand"


def test_a_feed_of_another_series_stays_there() -> None:
    world = World()
    world.feeds["other"] = Feed(id="other", url=dated(date(2026, 3, 1)), series="world", generation="g")
    assert world.look(dated(date(2026, 3, 1))).feeds == ()


def test_a_lost_memory_is_restored_from_the_feeds() -> None:
    world = World()
    for day in (1, 2):
        world.look(dated(date(2026, 3, day)), after=timedelta(days=1))
    world.state = SeriesState(url=PAGE)
    assert world.look(dated(date(2026, 3, 2)), dated(date(2026, 3, 1))).feeds == ()
    world.look(dated(date(2026, 3, 3)), after=timedelta(days=1))
    assert world.links()["europe-2026-03-03"] == "europe-2026-03-02"


@pytest.mark.parametrize("remembered", [False, True])
def test_an_address_that_names_a_day_to_come_does_not_hide_the_blogs_before_that_day(remembered: bool) -> None:
    world = World()
    preview = dated(date(2031, 12, 24), "europe-live-preview")
    world.look(preview, dated(date(2026, 3, 1)))
    if remembered:  # as an earlier version wrote it
        blogs = tuple(replace(b, date=date(2031, 12, 24)) if b.date is None else b for b in world.state.blogs)
        world.state = replace(world.state, blogs=blogs)
    for day in (2, 3):
        world.look(preview, dated(date(2026, 3, day)), after=timedelta(days=1))
    assert world.added[-2:] == ["europe-2026-03-02", "europe-2026-03-03"]
    assert world.links()["europe-2026-03-03"] == "europe-2026-03-02"


def test_tomorrows_blog_may_begin_today_for_the_world_is_round() -> None:
    world = World(MIDNIGHT + timedelta(hours=20))
    world.look(dated(date(2026, 3, 1)))
    world.look(dated(date(2026, 3, 2)))
    assert world.added == ["europe-2026-03-01", "europe-2026-03-02"]


def test_days_that_were_slept_through_are_linked_in_their_order() -> None:
    world = World()
    world.look(dated(date(2026, 3, 1)))
    world.look(*(dated(date(2026, 3, day)) for day in (2, 4, 3, 1)), after=timedelta(days=4))
    assert world.links() == {f"europe-2026-03-0{n}": f"europe-2026-03-0{n - 1}" if n > 1 else None for n in range(1, 5)}


def test_the_page_itself_is_no_blog_of_its_series() -> None:
    links = [Found(url=f"{PAGE}?utm_source=nav", title="Europe live")]
    assert candidates(links, patterns.compiled("europe live"), PAGE) == ([], 0)


def test_of_many_matches_the_newest_are_considered() -> None:
    days = [date(2025, 1, 1) + timedelta(days=number) for number in range(400)]
    links = [Found(url=dated(day)) for day in days]
    listed, matching = candidates(links, patterns.compiled("europe live"), PAGE)
    assert (len(listed), matching, listed[0].date) == (MOST_CANDIDATES, 400, days[-1])


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://news.example/live/2025/nov/25/europe", date(2025, 11, 25)),
        ("https://news.example/2025/11/05/europe", date(2025, 11, 5)),
        ("https://news.example/europe-live-20251125", date(2025, 11, 25)),
        ("https://news.example/europe-2025-1-5.html", date(2025, 1, 5)),
        ("https://news.example/2025/02/31/europe", None),
        ("https://news.example/item-120251125999", None),
        ("https://news.example/europe?day=2025-11-25", None),
    ],
)
def test_the_day_that_an_address_names(url: str, day: date | None) -> None:
    assert date_of(url) == day


@pytest.mark.parametrize(
    ("pattern", "title", "url", "fits"),
    [
        ("Europe live", "EUROPE LIVE: leaders meet", "https://n.example/1", True),
        ("Europe live", "Live: what Europe's leaders say", "https://n.example/1", True),
        ("Europe live", "Europe alive", "https://n.example/1", False),
        ("Europe live", "", "https://n.example/live/2026/europe-votes", True),
        ("Europe live", "Europe", "https://n.example/live/1", False),
        ("*/europe-live-*", "", "https://n.example/Europe-live-7", True),
        ("*/europe-live-*", "", "https://n.example/europe-live", False),
        ("Europe live*", "Europe live, day 3", "https://n.example/1", True),
        (r"/europe\s+(live|blog)/", "In Europe  Blog", "https://n.example/1", True),
        (r"/\d{4}/europe$/", "", "https://n.example/2026/europe", True),
        ("Ελλάδα", "ΕΛΛΆΔΑ: live", "https://n.example/1", True),
    ],
)
def test_patterns(pattern: str, title: str, url: str, fits: bool) -> None:
    assert patterns.mistake(pattern) is None
    assert patterns.compiled(pattern)(title, url) == fits


def intervals(feed: Feed, state: FetchState, outcomes: Sequence[schedule.Outcome]) -> list[float]:
    found = []
    for outcome in outcomes:
        now = state.next_poll_at or MIDNIGHT
        if outcome == "changed":
            state = replace(state, last_change_at=now)
        plan = schedule.plan(feed, state, outcome, now, FetchConfig())
        state = replace(state, interval=plan.interval, next_poll_at=plan.next_poll_at)
        found.append(plan.interval)
    return found


def test_a_blog_that_is_continued_is_slow_even_if_it_says_that_it_is_open_and_fast_once_it_is_written_again() -> None:
    feed = Feed(id="europe-1", url=PAGE, continued_by="europe-2")
    state = FetchState(generation="1", state="ok", live=True, last_change_at=MIDNIGHT - timedelta(minutes=11))
    assert intervals(replace(feed, continued_by=None), state, ["unchanged"] * 3) == [15, 15, 15]
    assert intervals(feed, state, ["unchanged", "unchanged", "changed", "unchanged", "unchanged"]) == [
        900,
        900,
        10,
        15,
        15,
    ]
