from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deltawire import telemetry
from deltawire.store import postgres_pool, postgres_schema
from deltawire.store.engines import open_store
from deltawire.store.port import Store, StoreError
from deltawire.store.postgres import PostgresStore
from support.postgres import PASSWORD, URL_PASSWORD, PostgresServer
from support.samples import START, an_alert, entry_event
from support.stores import PostgresEngine, SqliteEngine
from support.waiting import eventually


@pytest.fixture
async def engine(postgres: PostgresServer) -> PostgresEngine:
    made = PostgresEngine(postgres)
    await made.clear()
    return made


@pytest.fixture
async def new_schema(engine: PostgresEngine) -> AsyncIterator[PostgresEngine]:
    await engine.drop()
    yield engine
    await engine.drop()


@asynccontextmanager
async def opened(engine: PostgresEngine) -> AsyncIterator[Store]:
    store = await engine.open()
    try:
        yield store
    finally:
        await store.close()


async def test_columns_have_postgresqls_own_types(engine: PostgresEngine) -> None:
    async with opened(engine) as store:
        await store.apply(0, None, 1, [entry_event("created", 1, labels=("key-event",))])
    ((seen_at, labels, kind),) = await engine.fetch(
        "SELECT seen_at, labels ->> 0, data ->> 'revision' FROM entries JOIN revisions USING (entry_id, seen_at)"
    )
    assert (seen_at, labels, kind) == (START + timedelta(seconds=1), "key-event", "1")


async def test_several_processes_can_open_a_new_database_at_once(new_schema: PostgresEngine) -> None:
    stores = await asyncio.gather(*(new_schema.open() for _ in range(6)))
    assert await new_schema.fetch("SELECT version FROM schema_version") == [(len(postgres_schema.MIGRATIONS),)]
    for store in stores:
        assert await store.positions("storage") == {}
        await store.close()


async def test_migrations_run_by_themselves_and_keep_what_is_there(
    new_schema: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(new_schema) as old:
        await old.apply(0, None, 1, [entry_event("created", 1)])
        later = (*postgres_schema.MIGRATIONS, "ALTER TABLE deltawire.entries ADD COLUMN mood text")
        monkeypatch.setattr(postgres_schema, "MIGRATIONS", later)
        async with opened(new_schema) as new:
            assert await new.entry("harbour", "e1") == await old.entry("harbour", "e1")
            assert await new_schema.fetch("SELECT mood FROM entries") == [(None,)]


async def test_a_newer_schema_is_refused_with_a_sentence(new_schema: PostgresEngine) -> None:
    await (await new_schema.open()).close()
    await new_schema.fetch("UPDATE schema_version SET version = version + 1")
    with pytest.raises(StoreError, match="written by a newer deltawire"):
        await new_schema.open()


async def test_a_schema_of_another_program_is_refused_and_left_alone(new_schema: PostgresEngine) -> None:
    await new_schema.fetch("CREATE SCHEMA deltawire")
    await new_schema.fetch("CREATE TABLE deltawire.entries (id text)")
    with pytest.raises(StoreError, match="another program: name another database"):
        await new_schema.open()
    assert await new_schema.fetch("SELECT * FROM entries") == []


async def test_who_may_not_create_can_use_what_is_there_and_is_told_where_nothing_is(
    new_schema: PostgresEngine,
) -> None:
    await new_schema.fetch("DROP ROLE IF EXISTS reader")
    await new_schema.fetch("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    url = new_schema.url.replace(f"deltawire:{URL_PASSWORD}", "reader:reader")
    with pytest.raises(StoreError, match="grant its user CREATE on the database"):
        await PostgresStore.open(url)
    await (await new_schema.open()).close()
    await new_schema.fetch("GRANT USAGE ON SCHEMA deltawire TO reader")
    await new_schema.fetch("GRANT ALL ON ALL TABLES IN SCHEMA deltawire TO reader")
    store = await PostgresStore.open(url)
    assert await store.apply(0, None, 1, [entry_event("created", 1)]) == 1
    await store.close()
    await new_schema.drop()
    await new_schema.fetch("DROP ROLE reader")


async def test_what_cannot_be_reached_is_one_sentence_without_the_password(
    engine: PostgresEngine, postgres: PostgresServer
) -> None:
    nowhere = f"postgresql://deltawire:{URL_PASSWORD}@127.0.0.1:9/deltawire"
    for url, sentence in {
        nowhere: r"127.0.0.1:9/deltawire does not answer \(ConnectionRefusedError\): is PostgreSQL running there",
        postgres.url("missing"): "no such database; create it: createdb missing",
        postgres.url(password="wrong"): "refuses the user or the password .*check store.url",
        postgres.url() + "?sslmode=perhaps": "store.url cannot be read",
    }.items():
        with pytest.raises(StoreError, match=sentence) as refused:
            await open_store(url)
        for secret in (PASSWORD, URL_PASSWORD, "wrong"):
            assert secret not in str(refused.value)


async def test_a_database_that_is_not_utf8_is_refused(postgres: PostgresServer) -> None:
    await postgres.query("DROP DATABASE IF EXISTS latin")
    await postgres.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreError, match="encoding LATIN1: create the database anew"):
        await PostgresStore.open(postgres.url("latin"))


async def test_no_password_and_no_content_gets_into_a_logged_traceback(engine: PostgresEngine) -> None:
    text = "A secret fire"
    out = io.StringIO()
    try:
        telemetry.configure_logging(stream=out)
        async with opened(engine) as store:
            await engine.fetch("ALTER TABLE entries ADD CONSTRAINT nothing CHECK (content_text = '')")
            for position in (None, None):
                try:
                    await store.apply(0, position, 1, [entry_event("created", 1, text=text)])
                except StoreError as error:
                    structlog.get_logger().warning("worker.failed", error=str(error), exc_info=error)
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
    finally:
        structlog.reset_defaults()
        await engine.drop()
    assert len(lines) == 2
    assert "violates check constraint" in lines[0]["error"]
    assert text not in out.getvalue()
    assert PASSWORD not in out.getvalue()
    assert URL_PASSWORD not in out.getvalue()


async def test_a_transaction_that_was_the_victim_of_a_deadlock_is_made_again(engine: PostgresEngine) -> None:
    async with opened(engine) as store:
        await store.apply(0, None, 1, [entry_event("created", n, f"e{n}") for n in (1, 2)])
        other = await engine.server.connect("deltawire_test")
        rival = other.transaction()
        await rival.start()
        # The store's transaction must be the one that finds the deadlock: the rival waits longer before it looks.
        await other.execute("SET LOCAL deadlock_timeout = '30s'")
        await other.execute("UPDATE entries SET url = 'rival' WHERE entry_id = 'e2'")
        later = [entry_event("updated", n + 2, f"e{n}", revision=2, text="later") for n in (1, 2)]
        applying = asyncio.create_task(store.apply(0, 1, 2, later))

        async def waits() -> bool:
            blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INTO deltawire%'"
            return bool(await engine.fetch(blocked))

        await eventually(waits)
        await other.execute("UPDATE entries SET url = 'rival' WHERE entry_id = 'e1'")
        await rival.commit()
        await other.close()
        assert await applying == 2
        assert {row.entry.content_text for row in await store.entries("harbour", limit=9)} == {"later"}
        assert await store.positions("storage") == {0: 2}


async def test_a_lock_that_is_never_given_back_ends_in_a_sentence(
    engine: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "LOCK_S", 0.2)
    async with opened(engine) as store:
        await store.apply(0, None, 1, [entry_event("created", 1)])
        other = await engine.server.connect("deltawire_test")
        async with other.transaction():
            await other.execute("LOCK TABLE entries")
            with pytest.raises(StoreError, match="lock timeout"):
                await store.apply(0, 1, 2, [entry_event("updated", 2, revision=2)])
        await other.close()
        assert await store.apply(0, 1, 2, [entry_event("updated", 2, revision=2)]) == 1


async def test_cancelled_at_any_point_it_leaves_nothing_behind(engine: PostgresEngine) -> None:
    events = [entry_event("created", n, f"e{n}") for n in range(1, 40)]
    async with opened(engine) as store:
        for turns in range(120):
            before = (await store.positions("storage")).get(0)
            task = asyncio.create_task(store.apply(0, before, turns, events[: turns // 3]))
            for _ in range(turns % 40):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        in_transaction = "SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"

        async def all_ended() -> bool:
            return await engine.fetch(in_transaction) == []

        await eventually(all_ended)
        at = (await store.positions("storage")).get(0)
        await store.apply(0, at, 1000, events)
        assert len(await store.entries("harbour", limit=100)) == 39


async def test_closing_does_not_wait_for_a_server_that_stands_still(
    engine: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "CLOSE_S", 0.2)
    store = await engine.open()
    await store.positions("storage")
    with engine.server.frozen():
        waiting = asyncio.create_task(store.positions("storage"))
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await store.close()
            assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], StoreError)


async def test_extreme_moments_and_numbers_are_kept_or_refused_with_a_sentence(engine: PostgresEngine) -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    async with opened(engine) as store:
        await store.apply(0, None, 1, [entry_event("created", 1, published_at=first, updated_at=last)])
        row = await store.entry("harbour", "e1")
        assert row is not None
        assert (row.entry.published_at, row.entry.updated_at) == (first, last)
        with pytest.raises(StoreError, match="cannot hold what it was given"):
            await store.apply(0, 1, 2, [entry_event("updated", 2, revision=2**64)])
        assert await store.positions("storage") == {0: 1}


WORDS = st.sampled_from(["fire", "Fires", "harbour", "Café", "cafe", "o'brien", "3.5", "£12m", "key-event", "ß", "été"])
TEXTS = st.lists(WORDS, max_size=6).map(" ".join)
QUERIES = st.lists(
    st.builds(lambda text, form: form.format(text), TEXTS, st.sampled_from(["{}", '"{}"', '"{}"*', "{}*"])), max_size=3
).map(" ".join)


@pytest.fixture
async def both(engine: PostgresEngine, tmp_path: Path) -> AsyncIterator[list[Store]]:
    stores = [await SqliteEngine(tmp_path).open(), await engine.open()]
    yield stores
    for store in stores:
        await store.close()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(contents=st.lists(st.tuples(st.none() | TEXTS, TEXTS), min_size=1, max_size=6), queries=st.lists(QUERIES))
async def test_a_search_finds_what_the_sqlite_engine_finds(
    both: list[Store], contents: list[tuple[str | None, str]], queries: list[str]
) -> None:
    epoch = uuid.uuid4().hex  # a new one drops what the last example stored
    events = [
        entry_event("created", n, f"e{n}", title=title, text=text, epoch=epoch)
        for n, (title, text) in enumerate(contents, start=1)
    ]
    for store in both:
        await store.apply(0, (await store.positions("storage")).get(0), 1, events)
    for query in queries:
        answers = []
        for store in both:
            try:
                answers.append({hit.entry.id for hit in await store.search(query)})
            except ValueError:
                answers.append(set())
        assert answers[0] == answers[1], query


async def test_a_step_of_pruning_is_small_however_the_server_plans_it(engine: PostgresEngine) -> None:
    """What is asked for inside of a join may be asked for again and again, and each time takes other rows."""
    planned = [f"enable_{way}" for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material")]
    for name in planned:
        await engine.fetch(f"ALTER ROLE deltawire SET {name} = off")
    try:
        async with opened(engine) as store:
            await store.apply(0, None, 1, [entry_event("created", n, f"e{n}") for n in range(1, 60)])
            await store.raise_alerts(0, None, 1, [(an_alert(n), ()) for n in range(60)])
            assert await store.prune(START + timedelta(days=400), 7) == 14
    finally:
        for name in planned:
            await engine.fetch(f"ALTER ROLE deltawire RESET {name}")


async def test_settings_of_the_role_and_the_server_do_not_matter(engine: PostgresEngine) -> None:
    """The test server is set to another time zone; a role may have another date style."""
    await engine.fetch("ALTER ROLE deltawire SET datestyle = 'SQL, DMY'")
    try:
        async with opened(engine) as store:
            event = entry_event("created", 1, published_at=START)
            await store.apply(0, None, 1, [event])
            (row,) = await store.entries("harbour", limit=9, before=(START + timedelta(days=1), ""))
            assert (row.entry.published_at, row.seen_at) == (START, event.time)
    finally:
        await engine.fetch("ALTER ROLE deltawire RESET datestyle")
