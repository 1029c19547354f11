"""What a subscriber does next, what it finds in documents, which signatures hold. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from deltawire.config import Config, FetchConfig, WebSubConfig
from deltawire.config_rules import mistakes
from deltawire.model import Feed
from deltawire.poller import cadence, schedule, websub
from deltawire.poller.outcome import Fetched
from deltawire.poller.starts import AT_ONCE
from deltawire.poller.websub import Offer
from deltawire.poller.websub_discovery import offer
from deltawire.poller_state import FetchState, LookSummary, Rhythm, Subscription

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HUB = "https://hub.example/"
TOPIC = "https://blog.example/feed"
OFFER = Offer(HUB, TOPIC)
ATOM_LINKS = f'<link rel="hub" href="{HUB}"/><link rel="self" href="{TOPIC}"/>'
RSS_LINKS = f'<atom:link href="{HUB}" rel="hub"/><atom:link type="application/rss+xml" rel="self" href="{TOPIC}"/>'
DECOY = '<link rel="hub" href="https://decoy.example/"/><link rel="self" href="https://decoy.example/feed"/>'


def fetched(body: str = "", links: str = "", content_type: str = "application/xml", **fields: Any) -> Fetched:
    return Fetched(status=200, url=TOPIC, body=body.encode(), links=links, content_type=content_type, **fields)


def subscription(**fields: Any) -> Subscription:
    common: dict[str, Any] = {"hub": HUB, "topic": TOPIC, "callback": "https://us.example/t", "secret": "s"}
    return Subscription(**common | {"since": NOW, "due": NOW} | fields)


def test_of_several_hubs_one_behind_tls_is_chosen_and_the_headers_come_first() -> None:
    plain, other = "http://plain.example/", "https://other.example/"
    named = ", ".join(f'<{hub}>; rel="hub"' for hub in (plain, HUB, other)) + f', <{TOPIC}>; rel="self"'
    assert offer(fetched(links=named)) == OFFER
    assert offer(fetched(f"<feed>{ATOM_LINKS}", f"<{plain}>; rel=hub")) == Offer(plain, TOPIC)


ASKED = websub.asked(subscription(), NOW)


def confirm(lease: str = "1000", mode: str = "subscribe", topic: str = TOPIC) -> Subscription | None:
    return websub.confirmed(ASKED, mode, topic, lease, NOW)


def active(lease: str = "1000") -> Subscription:
    confirmed = confirm(lease)
    assert confirmed is not None
    return confirmed


@pytest.mark.parametrize(
    ("body", "links"),
    [
        ("", f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'),
        ("", f"<{HUB}>;rel=hub,<{TOPIC}>;rel=self"),
        (
            "",
            f'<https://a.example/?a,b>; title="a, <b>; rel=c"; rel=x, <{HUB}>; REL="preload Hub", </feed>; rel="self"',
        ),
        (f"<!doctype html><html><head><link rel='hub' href='{HUB}'><link href={TOPIC} rel=self></head></html>", ""),
        (f'<feed xmlns="http://www.w3.org/2005/Atom">{ATOM_LINKS}<entry/></feed>', ""),
        (f'<a:feed xmlns:a="http://www.w3.org/2005/Atom">{ATOM_LINKS.replace("<link", "<a:link")}</a:feed>', ""),
        (f"<rss><channel><link>https://blog.example/</link>{RSS_LINKS}<item/></channel></rss>", ""),
        (f"<feed>{DECOY}</feed>", f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'),
        (f"<feed><!-- {DECOY} -->{ATOM_LINKS}</feed>", ""),
        (f"<rss><channel><description><![CDATA[{DECOY}]]></description>{RSS_LINKS}</channel></rss>", ""),
        (json.dumps({"feed_url": TOPIC, "hubs": [{"type": "rssCloud"}, {"type": "WebSub", "url": HUB}]}), ""),
    ],
    ids=[
        "header-100",
        "header-terse",
        "header-odd",
        "html-101",
        "atom-102",
        "atom-prefix",
        "rss-103",
        "header-wins-104",
        "comment",
        "cdata",
        "json",
    ],
)
def test_the_hub_and_the_topic_are_found(body: str, links: str) -> None:
    assert offer(fetched(body, links)) == OFFER


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<feed/>",
        f'<feed><link rel="hub" href="{HUB}"/></feed>',
        f"<feed><entry>{ATOM_LINKS}</entry></feed>",
        f"<rss><channel><item>{RSS_LINKS}</item></channel></rss>",
        f"<html><head></head><body>{ATOM_LINKS}</body></html>",
        f"<feed><!-- {ATOM_LINKS}",
        ATOM_LINKS.replace("https://hub.example/", "gopher://hub.example/"),
        ATOM_LINKS.replace("https://hub.example/", "https://[hub.example/"),
        ATOM_LINKS.replace("https://hub.example/", "https://hub.example/${HOME}"),
        ATOM_LINKS.replace("https://hub.example/", "https://hub.example/\r\nX-Evil: 1"),
        ATOM_LINKS.replace("https://hub.example/", "https://hub.example/" + "x" * 2000),
        '{"feed_url": 1, "hubs": [{"type": "WebSub"}]}',
        '{"hubs": ' + "[" * 100_000,
    ],
)
def test_what_names_no_hub_or_no_topic_or_an_unusable_one_offers_nothing(body: str) -> None:
    assert offer(fetched(body)) is None


@pytest.mark.parametrize("bomb", ["<!--", "<link ", "<link rel=", "<![CDATA[", "<a:link a=", "<!---->"])
def test_a_hostile_head_is_searched_in_linear_time(bomb: str) -> None:
    began = time.process_time()
    assert offer(fetched("<feed>" + bomb * 100_000, "<a>; rel; " * 100_000)) is None
    # A quadratic search would take minutes.
    assert time.process_time() - began < 2


def test_an_offer_is_taken_up_once_and_another_one_later() -> None:
    first = websub.taken_up(OFFER, None, "https://us.example/1", "s", NOW)
    assert first is not None
    assert (first.due, first.lease_until) == (NOW, None)
    assert websub.taken_up(OFFER, first, "https://us.example/2", "s", NOW) is None
    second = websub.taken_up(Offer(HUB, TOPIC + "2"), first, "https://us.example/2", "s", NOW)
    assert second is not None
    assert (second.callback, second.due) == ("https://us.example/2", NOW + websub.SETTLE)


def test_a_hub_that_does_not_confirm_is_asked_ever_more_seldom() -> None:
    waits, now, current = [], NOW, subscription()
    for _ in range(12):
        current = websub.asked(current, now)
        waits.append((current.due - now).total_seconds())
        now = current.due
    assert waits[:3] == [300, 600, 1200]
    assert waits[-1] == 86_400


def test_a_lease_is_renewed_at_four_fifths() -> None:
    granted = active("1000")
    assert (granted.due - NOW, granted.lease_until, granted.attempts) == (
        timedelta(seconds=800),
        NOW + timedelta(seconds=1000),
        0,
    )
    assert websub.is_active(granted, NOW + timedelta(seconds=999))
    assert not websub.is_active(granted, NOW + timedelta(seconds=1000))
    renewing = websub.asked(granted, granted.due)
    assert websub.is_active(renewing, granted.due)
    assert renewing.callback == granted.callback


@pytest.mark.parametrize("lease", ["0", "1", "", "-5", "soon", "1e9", "999999999999", "9" * 5000, "١٢"])
def test_no_lease_that_a_hub_claims_makes_us_ask_it_often_or_never(lease: str) -> None:
    assert websub.SHORTEST_RENEWAL <= active(lease).due - NOW <= websub.LONGEST_LEASE


@pytest.mark.parametrize(
    ("mode", "topic"), [("subscribe", TOPIC + "/other"), ("unsubscribe", TOPIC), ("publish", TOPIC), ("", "")]
)
def test_only_what_was_asked_for_is_confirmed(mode: str, topic: str) -> None:
    assert confirm(mode=mode, topic=topic) is None


def test_what_a_hub_says_again_changes_nothing() -> None:
    granted = active("1000")
    later = NOW + timedelta(seconds=10)
    assert websub.confirmed(granted, "subscribe", TOPIC, "9000", later) is granted
    denied = websub.denied(granted, TOPIC, later)
    assert denied is not None
    assert websub.denied(denied, TOPIC, later) is None


def test_what_nobody_has_asked_for_yet_is_not_confirmed() -> None:
    assert websub.confirmed(subscription(), "subscribe", TOPIC, "1000", NOW) is None


def test_a_denial_ends_the_subscription_for_a_day() -> None:
    denied = websub.denied(active(), TOPIC, NOW)
    assert denied is not None
    assert not websub.is_active(denied, NOW)
    assert denied.due == NOW + timedelta(days=1)
    assert websub.confirmed(denied, "subscribe", TOPIC, "1000", NOW) is None
    assert websub.denied(active(), TOPIC + "2", NOW) is None


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512", "SHA256"])
def test_a_signature_by_each_method_of_the_recommendation_holds(method: str) -> None:
    digest = hmac.new(b"secret", b"body", getattr(hashlib, method.lower())).hexdigest()
    for body, holds in ((b"body", True), (b"bodY", False)):
        claim = websub.claim("secret", f"{method}={digest}")
        assert claim is not None
        claim.mac.update(body)
        assert claim.holds() is holds


@pytest.mark.parametrize(
    "header", ["", "sha256", "sha256=", "md5=" + "0" * 40, "sha3_256=" + "0" * 64, "sha1=" + "0" * 41]
)
def test_what_is_no_signature_is_none(header: str) -> None:
    assert websub.claim("secret", header) is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"callback": "public.example/websub"}, "must begin with http"),
        ({"callback": "https://public.example/websub?id="}, "without ? and #"),
        ({"port": 0}, "must be 1 to 65535"),
    ],
)
def test_a_callback_that_no_hub_could_reach_is_a_mistake(given: dict[str, Any], sentence: str) -> None:
    found = list(mistakes(Config(websub=WebSubConfig(**given))))
    assert [key[0] for key, _ in found] == ["websub"]
    assert sentence in found[0][1]
    assert not list(mistakes(Config(websub=WebSubConfig(callback="https://public.example/websub/"))))


QUIET = FetchState(
    generation="g",
    state="ok",
    interval=800,
    rhythm=Rhythm(since=NOW - timedelta(days=30), at=NOW, counts=(20.0,) * len(cadence.SCALES)),
)
FEED = Feed(id="f", url=TOPIC, min_interval=10, max_interval=900)


def interval(state: FetchState) -> float:
    return schedule.plan(FEED, state, "unchanged", NOW, FetchConfig()).interval


def test_polling_slows_down_only_while_an_active_hub_has_proved_itself() -> None:
    alone = interval(QUIET)
    assert alone < 900

    def beside(current: Subscription | None) -> float:
        return interval(msgspec.structs.replace(QUIET, subscription=current))

    proven = websub.judged(active(), announced=True)
    assert beside(proven) == 900
    assert beside(active()) == alone
    assert beside(websub.judged(proven, announced=False)) == alone
    assert beside(msgspec.structs.replace(proven, lease_until=NOW)) == alone


def test_an_open_blog_is_polled_at_the_live_interval_whatever_its_hub_does() -> None:
    proven = websub.judged(active(), announced=True)
    open_ = msgspec.structs.replace(QUIET, live=True, interval=14, subscription=proven)
    assert interval(open_) == 15


def test_after_a_restart_a_feed_that_relied_on_its_hub_is_looked_at_at_once() -> None:
    proven = websub.judged(active(), announced=True)
    state = msgspec.structs.replace(QUIET, next_poll_at=NOW + timedelta(seconds=800), subscription=proven)
    assert schedule.first_poll(FEED, state, NOW, FetchConfig(), AT_ONCE) == NOW
    for other in (
        msgspec.structs.replace(state, subscription=active()),
        msgspec.structs.replace(state, attempts=2),
    ):
        assert schedule.first_poll(FEED, other, NOW, FetchConfig(), AT_ONCE) == state.next_poll_at


def test_a_hint_brings_a_look_forward_within_the_bounds() -> None:
    last = LookSummary(at=NOW, poll_id="p", outcome="unchanged", duration_s=0)
    state = FetchState(generation="g", looks=(last,), next_poll_at=NOW + timedelta(seconds=900))
    assert schedule.soonest(FEED, state, NOW) == NOW + timedelta(seconds=10)
    told = msgspec.structs.replace(state, retry_after=NOW + timedelta(seconds=60))
    assert schedule.soonest(FEED, told, NOW) == told.retry_after
    failed = msgspec.structs.replace(state, attempts=3)
    assert schedule.soonest(FEED, failed, NOW) == state.next_poll_at
