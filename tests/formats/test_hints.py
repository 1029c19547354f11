"""What a feed says about when to look at it again."""

from __future__ import annotations

import pytest

from deltawire.formats import registry
from deltawire.formats.base import Raw
from deltawire.formats.hints import poll_hint, skips

WEEK = 7 * 86_400.0


@pytest.mark.parametrize(
    ("ttl", "period", "frequency", "seconds"),
    [
        ("60", "", "", 3600),
        (" 5 ", "", "", 300),
        ("", "hourly", "2", 1800),
        ("", "Daily", "", 86_400),
        ("", "weekly", "0", None),
        ("30", "hourly", "1", 3600),
        ("0", "", "", None),
        ("-5", "", "", None),
        ("1e9", "", "", None),
        ("999999999", "", "", WEEK),
        ("", "yearly", "1", WEEK),
        ("", "now and then", "3", None),
        ("\u0663", "hourly", "\u0663", 3600),
        ("", "", "", None),
    ],
)
def test_the_longer_of_ttl_and_update_period_counts(
    ttl: str, period: str, frequency: str, seconds: float | None
) -> None:
    assert poll_hint(ttl, period, frequency) == seconds


def test_skipped_hours_and_days_are_read_wherever_they_make_sense() -> None:
    head = "<skipHours><hour>0</hour><hour> 23 </hour><hour>24</hour><hour>99</hour></skipHours>"
    assert skips(head + "<skipDays><day>Sunday</day><day>FRIDAY</day><day>Someday</day></skipDays>") == (
        (0, 23),
        ("friday", "sunday"),
    )
    assert skips("<hour>3</hour>") == ((), ())
    everything = "".join(f"<hour>{hour}</hour>" for hour in range(24))
    assert skips(f"<skipHours>{everything}</skipHours>") == ((), ())


def test_a_feed_carries_its_hints() -> None:
    body = b"""<?xml version="1.0"?><rss version="2.0" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel>
    <title>Harbour</title><ttl>15</ttl><sy:updatePeriod>hourly</sy:updatePeriod>
    <sy:updateFrequency>2</sy:updateFrequency><skipHours><hour>3</hour></skipHours><skipDays><day>Monday</day></skipDays>
    <item><title>a</title><description>&lt;skipHours&gt;</description></item></channel></rss>"""
    feed = registry.read(Raw(body=body, url="https://example.org/feed")).feed
    assert (feed.poll_hint_s, feed.skip_hours, feed.skip_days) == (1800, (3,), ("monday",))
