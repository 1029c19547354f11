from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import orjson
import pytest
from yarl import URL

from deltawire.gateway.app import make_app
from deltawire.log.port import Outgoing
from deltawire.model import Problem
from deltawire.poller_state import FetchState, LookSummary
from deltawire.store.port import Alert
from gateway.rig import TOPICS, Desk, desk
from support.samples import POLL, START, entry_event, feed_event, feed_info
from support.waiting import eventually

SPEC = orjson.loads((Path(__file__).parents[2] / "schemas" / "openapi.yaml").read_bytes())


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        await made.serve()
        yield made


def check(value: Any, schema: str) -> None:
    """The value is what schemas/openapi.yaml says, and nothing that it does not name."""
    closed = orjson.loads(orjson.dumps(SPEC["components"]["schemas"]))
    for described in closed.values():
        if "properties" in described:
            described["additionalProperties"] = False
    whole = {"components": {"schemas": closed}, "$ref": f"#/components/schemas/{schema}"}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(value)


async def feeds(rig: Desk, count: int) -> dict[str, Any]:
    """The feeds by id, once the gateway has read that many."""

    async def there() -> bool:
        return len((await rig.get("/api/feeds"))["feeds"]) == count

    await eventually(there)
    answer = await rig.get("/api/feeds")
    check(answer, "FeedList")
    return {feed["id"]: feed for feed in answer["feeds"]}


async def test_feeds_carry_health_title_and_count(rig: Desk) -> None:
    look = LookSummary(at=START, poll_id=POLL, outcome="failed", duration_s=0.5, status=503, detail="answered 503")
    state = FetchState(
        generation="g",
        state="failing",
        attempts=4,
        since=START,
        failing_since=START - timedelta(minutes=2),
        interval=15,
        next_poll_at=START + timedelta(seconds=15),
        problems=(Problem(code="no-date", message="entry 3 has no time"),),
        looks=(look,),
    )
    await rig.want("harbour", state, tags=("world",), series="sea")
    await rig.want("new-one")
    await rig.publish(entry_event("created", 1, "e1"), entry_event("created", 2, "e2"), entry_event("removed", 3, "e2"))
    found = await feeds(rig, 2)
    harbour = found["harbour"]
    assert (harbour["state"], harbour["since"], harbour["attempts"]) == ("failing", "2025-11-25T08:58:00Z", 4)
    assert (harbour["title"], harbour["entries"], harbour["tags"]) == ("Harbour fire", 1, ["world"])
    assert harbour["looks"][0]["status"] == 503
    assert harbour["problems"][0]["message"] == "entry 3 has no time"
    assert (found["new-one"]["state"], found["new-one"]["title"], found["new-one"]["entries"]) == ("new", None, 0)
    one = await rig.get("/api/feeds/harbour")
    check(one, "Feed")
    assert one == harbour


async def test_a_change_of_health_shows_without_a_restart(rig: Desk) -> None:
    await rig.want("harbour", FetchState(generation="g", state="ok"))
    await feeds(rig, 1)
    await rig.want("harbour", FetchState(generation="g", state="ended"))

    async def ended() -> bool:
        return bool((await rig.get("/api/feeds/harbour"))["state"] == "ended")

    await eventually(ended)


async def test_a_removed_feed_leaves_the_list_and_keeps_its_entries(rig: Desk) -> None:
    await rig.want("harbour")
    await rig.publish(entry_event("created", 1))
    await feeds(rig, 1)
    await rig.log.append([Outgoing(topic=TOPICS.feeds, key="harbour", value=None)])
    await feeds(rig, 0)
    assert len((await rig.get("/api/feeds/harbour/entries"))["entries"]) == 1
    assert "no feed harbour" in await rig.problem("/api/feeds/harbour", status=404)


async def test_the_state_of_an_earlier_life_of_a_feed_does_not_count(rig: Desk) -> None:
    await rig.want("harbour", FetchState(generation="old", state="failing"))
    assert (await feeds(rig, 1))["harbour"]["state"] == "new"


async def test_a_title_that_changes_is_taken_from_the_event(rig: Desk) -> None:
    await rig.want("harbour")
    await rig.publish(entry_event("created", 1))
    assert (await feeds(rig, 1))["harbour"]["title"] == "Harbour fire"
    renamed = feed_info("harbour")
    renamed = type(renamed)(id="harbour", url=renamed.url, title="Harbour fire: the day after")
    await rig.publish(entry_event("created", 2, "e2", feed=renamed))

    async def shown() -> bool:
        return bool((await rig.get("/api/feeds/harbour"))["title"] == "Harbour fire: the day after")

    await eventually(shown)


async def test_health_says_in_words_what_keeps_a_feed_from_being_read(rig: Desk) -> None:
    look = LookSummary(at=START, poll_id=POLL, outcome="failed", duration_s=0, detail="the robots.txt of it forbids it")
    blocked = FetchState(
        generation="g", state="failing", attempts=3, cause="robots", failing_since=START, looks=(look,)
    )
    moved = FetchState(generation="g", state="ok", moved_to="https://example.net/new?key=hunter2")
    await rig.want("blocked", blocked)
    await rig.want("moved", moved)
    found = await feeds(rig, 2)
    assert found["blocked"]["health"] == "blocked"
    assert found["blocked"]["health_detail"].endswith("the robots.txt of it forbids it")
    assert (found["moved"]["health"], found["moved"]["moved_to"]) == ("moved", "https://example.net/new")
    check(found["moved"], "Feed")


async def test_no_secret_of_a_feed_leaves_the_gateway(rig: Desk) -> None:
    detail = "https://user:hunter2@example.org/a?key=hunter2 answered 403"
    look = LookSummary(at=START, poll_id=POLL, outcome="failed", duration_s=1, detail=detail)
    problem = Problem(code="x", message=detail, where=detail)
    state = FetchState(generation="g", state="failing", looks=(look,), problems=(problem,), etag="hunter2")
    await rig.want("harbour", state, url="https://user:hunter2@example.org/feed?api-key=hunter2")
    await feeds(rig, 1)
    async with rig.http.get(f"{rig.url}/api/feeds") as answer:
        text = await answer.text()
    assert "hunter2" not in text
    assert "https://example.org/feed" in text
    assert "https://example.org/a answered 403" in text


async def test_a_feed_record_of_another_shape_hides_no_other_feed(rig: Desk) -> None:
    await rig.log.append([Outgoing(topic=TOPICS.feeds, key="bad", value=b'{"id": 7}')])
    await rig.want("harbour")
    assert list(await feeds(rig, 1)) == ["harbour"]


async def test_entries_come_newest_first_with_what_happened_last(rig: Desk) -> None:
    await rig.publish(
        entry_event("created", 1, "old", published_at=START),
        entry_event("created", 2, "new", published_at=START + timedelta(hours=1), backfill=True),
        entry_event("updated", 3, "old", revision=2, significance="minor", published_at=START),
        entry_event("created", 4, "gone", published_at=START - timedelta(hours=1)),
        entry_event("removed", 5, "gone", revision=2, published_at=START - timedelta(hours=1)),
    )
    answer = await rig.get("/api/feeds/harbour/entries")
    check(answer, "EntryList")
    new, old, gone = answer["entries"]
    assert [e["entry"]["id"] for e in (new, old, gone)] == ["new", "old", "gone"]
    assert (new["type"], new["backfill"], new["removed_at"]) == ("deltawire.entry.created", True, None)
    assert (old["revision"], old["significance"]) == (2, "minor")
    assert gone["removed_at"] == "2025-11-25T09:00:05Z"
    assert answer["next"] is None
    one = await rig.get("/api/feeds/harbour/entries/old")
    check(one, "Entry")
    assert one == old


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_paging_over_all_feeds_gives_every_entry_once_in_order(rig: Desk, limit: int) -> None:
    """Also where several feeds hold the same entry id at the same time."""
    events = []
    for feed in ("a", "b", "c"):
        await rig.want(feed)
        for n in range(4):
            at = START + timedelta(minutes=n // 2)
            events.append(entry_event("created", n + 1, f"e{n}", feed=feed, published_at=at))
    await rig.publish(*events)
    await feeds(rig, 3)
    seen: list[tuple[str, str, str]] = []
    query = {"limit": str(limit)}
    while True:
        answer = await rig.get("/api/entries", **query)
        check(answer, "EntryList")
        assert len(answer["entries"]) <= limit
        seen += [(e["entry"]["published_at"], e["entry"]["id"], e["feed_id"]) for e in answer["entries"]]
        if answer["next"] is None:
            break
        query["before"] = answer["next"]
    assert len(seen) == 12
    assert seen == sorted(set(seen), reverse=True)


async def test_the_position_of_a_list_is_that_of_the_store_and_not_of_the_log(rig: Desk) -> None:
    await rig.want("harbour")
    await rig.publish(entry_event("created", 1, "stored"))
    await rig.publish(entry_event("created", 2, "later"), stored=False)
    await feeds(rig, 1)
    answer = await rig.get("/api/entries")
    assert [e["entry"]["id"] for e in answer["entries"]] == ["stored"]
    async with rig.listen(lastEventId=answer["position"]) as stream:
        assert (await stream.event())[1]["subject"] == "later"


async def test_revisions_tell_every_event_of_an_entry(rig: Desk) -> None:
    await rig.publish(entry_event("created", 1), entry_event("updated", 2, revision=2), entry_event("created", 3, "e2"))
    answer = await rig.get("/api/feeds/harbour/entries/e1/revisions")
    check(answer, "RevisionList")
    assert [(r["revision"], r["type"]) for r in answer["revisions"]] == [
        (1, "deltawire.entry.created"),
        (2, "deltawire.entry.updated"),
    ]
    assert answer["revisions"][0]["data"]["entry"]["content_text"] == "The quay is closed"


async def test_entry_ids_may_hold_any_character(rig: Desk) -> None:
    odd = "https://example.org/?p=1#x/revisions %2F é"
    await rig.publish(entry_event("created", 1, odd))
    base = f"{rig.url}/api/feeds/harbour/entries/{quote(odd, safe='')}"
    entry = await rig.get(URL(base, encoded=True))
    assert entry["entry"]["id"] == odd
    revisions = await rig.get(URL(f"{base}/revisions", encoded=True))
    assert revisions["revisions"][0]["entry_id"] == odd


async def test_search_finds_words_and_can_be_held_to_a_feed(rig: Desk) -> None:
    await rig.publish(
        entry_event("created", 1, "e1", text="Two ferries diverted"),
        entry_event("created", 1, "e1", feed="other", text="Ferries run again"),
    )
    answer = await rig.get("/api/search", q="ferries")
    check(answer, "SearchResult")
    assert {e["feed_id"] for e in answer["entries"]} == {"harbour", "other"}
    assert [e["feed_id"] for e in (await rig.get("/api/search", q="ferr*", feed="other"))["entries"]] == ["other"]
    assert (await rig.get("/api/search", q="submarine"))["entries"] == []


async def test_alerts_carry_headline_and_deliveries(rig: Desk) -> None:
    event = entry_event("created", 1, text="Six hurt " * 40)
    await rig.publish(event)
    alert = Alert(
        id="a1", rule_id="hurt", feed_id="harbour", entry_id="e1", revision=1, event_id=event.id, poll_id=POLL,
        raised_at=START, payload={"type": "x"},
    )  # fmt: skip
    await rig.store.raise_alerts(0, None, 1, [(alert, ["log", "ops"])])
    answer = await rig.get("/api/alerts")
    check(answer, "AlertList")
    (found,) = answer["alerts"]
    assert (found["rule_id"], {d["channel_id"] for d in found["deliveries"]}) == ("hurt", {"log", "ops"})
    assert found["headline"].startswith("Six hurt Six")
    assert len(found["headline"]) <= 141


@pytest.mark.parametrize(
    ("path", "query", "status", "sentence"),
    [
        ("/api/entries", {"limit": "0"}, 400, "limit= takes a number from 1 to 200"),
        ("/api/entries", {"limit": "201"}, 400, "limit= takes"),
        ("/api/entries", {"limit": "ten"}, 400, "limit= takes"),
        ("/api/entries", {"before": "nonsense"}, 400, "before= takes the cursor"),
        ("/api/search", {}, 400, "holds no word"),
        ("/api/search", {"q": "…"}, 400, "holds no word"),
        ("/api/search", {"q": "a" * 501}, 400, "at most 500 characters"),
        ("/api/feeds/none", {}, 404, "there is no feed none"),
        ("/api/feeds/none/entries", {}, 404, "there is no feed none"),
        ("/api/feeds/none/entries/e1", {}, 404, "there is no entry e1"),
        ("/api/feeds/none/entries/e1/revisions", {}, 404, "there is no entry e1"),
        ("/api/nothing", {}, 404, "there is nothing at /api/nothing"),
        ("/api/events", {"from": "yesterday"}, 400, "from= takes beginning or end"),
        ("/api/events", {"lastEventId": "nonsense"}, 400, "is not one of this stream"),
        ("/api/events", {"feed": "No Feed"}, 400, "is no feed id"),
    ],
)
async def test_what_cannot_be_answered_is_told_in_a_sentence(
    rig: Desk, path: str, query: dict[str, str], status: int, sentence: str
) -> None:
    detail = await rig.problem(path, status=status, **query)
    assert sentence in detail
    check({"type": "about:blank", "title": "x", "status": status, "detail": detail}, "Problem")


async def test_the_api_cannot_be_written_to(rig: Desk) -> None:
    assert await rig.problem("/api/feeds", status=405, method="POST") == "/api/feeds takes GET, HEAD"


async def test_a_store_that_fails_is_a_503_without_internals(rig: Desk) -> None:
    await rig.publish(entry_event("created", 1))
    with closing(sqlite3.connect(rig.store.path)) as db:
        db.execute("ALTER TABLE alerts RENAME TO lost")
    detail = await rig.problem("/api/alerts", status=503)
    assert detail == "the store or the log cannot be read at the moment; try again"


async def test_every_answer_carries_the_security_headers(rig: Desk) -> None:
    await rig.publish(feed_event("started", 1))
    for path in ("/", "/static/app.js", "/static/style.css", "/api/feeds", "/api/none", "/api/events"):
        async with rig.http.get(rig.url + path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_the_page_s_files_are_served_and_revalidated(rig: Desk) -> None:
    async with rig.http.get(f"{rig.url}/") as answer:
        assert answer.content_type == "text/html"
        assert "<noscript>" in await answer.text()
        etag = answer.headers["ETag"]
    async with rig.http.get(f"{rig.url}/", headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304
    async with rig.http.get(f"{rig.url}/static/app.js") as answer:
        assert answer.content_type == "text/javascript"


async def test_the_specification_describes_every_route(rig: Desk) -> None:
    app = make_app(rig.log, TOPICS, rig.store)
    served = {r.canonical for r in app.router.resources() if r.canonical.startswith("/api")} - {"/api/"}
    assert served == set(SPEC["paths"])
