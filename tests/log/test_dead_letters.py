"""Dead letters: the original as it was, found again, put back once."""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from structlog.testing import capture_logs

from deltawire import telemetry
from deltawire.cli import dead_letters as command
from deltawire.cli.main import Failure, parser
from deltawire.config import Config, LogConfig
from deltawire.log import letters
from deltawire.log.dead_letters import Skips, dead_letter, report
from deltawire.log.port import Log, OutcomeUnknown, Outgoing, Reader, Record, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.settings import Settings
from log.contract import everything
from support.flaky_log import FlakyLog

TOPICS = Topics()
NOW = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)
ODD = b"\xff\xfe no utf-8"


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(tmp_path / "log.db", TOPICS, partitions=3)
    yield log
    await log.close()


async def standing(log: Log, topic: str, *values: bytes, key: str = "blog") -> list[Record]:
    """Records with these values, as they stand in the topic."""
    await log.append([Outgoing(topic=topic, key=key, value=value, headers={"a": "é", "b": ""}) for value in values])
    return [record for record in await everything(log, topic) if record.value in values]


async def buried(log: Log, record: Record, service: str = "differ", *, after: float = 0) -> None:
    error = ValueError("Invalid value 'rumour' \ud800\n")
    await log.append([dead_letter(TOPICS, record, service, error, NOW + timedelta(seconds=after))])


async def run(log: SqliteLog, *arguments: str) -> None:
    """The command, as a guest beside the process that owns the log."""
    parsed: argparse.Namespace = parser().parse_args(["dead-letters", *arguments])
    config = Config(log=LogConfig(url=f"sqlite:///{log.path}"))
    await command.main(parsed, Settings(config=config, origins={}, path=None))


async def test_a_letter_holds_the_original_and_where_when_and_why(log: SqliteLog) -> None:
    (record,) = await standing(log, TOPICS.observations, ODD)
    await buried(log, record)
    (letter,) = await everything(log, TOPICS.dead_letters)
    assert (letter.key, letter.value, letter.partition) == ("blog", ODD, record.partition)
    assert letter.headers == {
        "a": "é",
        "b": "",
        "dlq.topic": TOPICS.observations,
        "dlq.partition": str(record.partition),
        "dlq.offset": "0",
        "dlq.timestamp": record.timestamp.isoformat().replace("+00:00", "Z"),
        "dlq.service": "differ",
        "dlq.error.type": "ValueError",
        "dlq.error.message": "Invalid value 'rumour' ?\n",
        "dlq.time": "2026-02-01T12:00:00Z",
    }


async def test_what_was_written_is_counted_and_logged_without_content(log: SqliteLog) -> None:
    records = await standing(log, TOPICS.observations, b"secret 1", b"secret 2")
    counter = telemetry.dead_letters.labels("alerting", "KeyError")
    before = counter._value.get()
    skips = Skips(TOPICS, "alerting")
    for record in records:
        skips.skip(record, KeyError("secret"), NOW)
    with capture_logs() as lines:
        await skips.write(log)
    assert counter._value.get() == before + 2
    assert [(line["event"], line["log_level"], line["reason"]) for line in lines] == [
        ("record.dead_letter", "warning", "KeyError")
    ] * 2
    assert [(line["topic"], line["partition"], line["offset"]) for line in lines] == [
        (TOPICS.observations, record.partition, record.offset) for record in records
    ]
    assert "secret" not in repr(lines)


async def test_what_was_not_written_is_not_counted(tmp_path: Path) -> None:
    log = await FlakyLog.open(tmp_path / "flaky.db", TOPICS, seed=1, unknown_rate=1)
    (record,) = await standing(log.inner, TOPICS.observations, b"x")
    counter = telemetry.dead_letters.labels("alerting", "LookupError")
    skips = Skips(TOPICS, "alerting")
    skips.skip(record, LookupError(), NOW)
    with capture_logs() as lines, pytest.raises(OutcomeUnknown):
        await skips.write(log)
    assert (counter._value.get(), lines) == (0, [])
    await log.close()


async def test_list_shows_each_once_with_its_reason(log: SqliteLog, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = await standing(log, TOPICS.observations, b"one", b"two")
    await buried(log, second, after=1)
    await buried(log, first)
    await buried(log, first, after=2)
    await buried(log, first, "alerting", after=3)
    await log.append([Outgoing(topic=TOPICS.dead_letters, key="k", value=b"not ours")])
    await run(log, "list", "--json", "--service", "differ")
    out, err = capsys.readouterr()
    shown = [json.loads(line) for line in out.splitlines()]
    assert [(one["offset"], one["times"], one["bytes"], one["redriven_at"]) for one in shown] == [
        (first.offset, 2, 3, None),
        (second.offset, 1, 3, None),
    ]
    assert shown[0]["error"] == {"type": "ValueError", "message": "Invalid value 'rumour' ?\n"}
    (stranger,) = [r for r in await everything(log, TOPICS.dead_letters) if r.key == "k"]
    assert err == f"{TOPICS.dead_letters}/{stranger.partition}@{stranger.offset} is no dead letter\n"
    await run(log, "list")
    assert len(capsys.readouterr().out.splitlines()) == 3


async def test_show_prints_headers_and_the_original(log: SqliteLog, capsys: pytest.CaptureFixture[str]) -> None:
    text, odd = await standing(log, TOPICS.observations, '{"x":"é"}'.encode(), ODD)
    await buried(log, text)
    await buried(log, odd)
    first, second = (await letters.read_box(log, TOPICS)).letters
    await run(log, "show", first.id)
    head, body = capsys.readouterr().out.split("\n\n")
    why = r"dlq.error.message: Invalid value 'rumour' ?\n"
    assert {"a: é", "dlq.service: differ", why, "key: blog"} <= set(head.splitlines())
    assert body == '{"x":"é"}\n'
    await run(log, "show", second.id)
    assert bytes.fromhex(capsys.readouterr().out.split("\n\n")[1]) == ODD
    with pytest.raises(Failure, match="there is no dead letter '9@9'"):
        await run(log, "show", "9@9")


async def test_redrive_puts_the_original_back_once(log: SqliteLog, capsys: pytest.CaptureFixture[str]) -> None:
    records = await standing(log, TOPICS.observations, b"one", ODD)
    for record in records:
        await buried(log, record)
        await buried(log, record, after=1)
    first, _ = (await letters.read_box(log, TOPICS)).letters
    await run(log, "redrive", first.id)
    await run(log, "redrive", "--all")
    await run(log, "redrive", "--all")
    back = (await everything(log, TOPICS.observations))[2:]
    assert [(r.key, r.value, r.headers, r.partition) for r in back] == [
        (r.key, r.value, r.headers, r.partition) for r in records
    ]
    assert [line for line in capsys.readouterr().out.splitlines() if " kept" in line] == [
        "1 redriven, 0 kept",
        "0 redriven, 0 kept",
    ]
    with pytest.raises(Failure, match="is not redriven: it was redriven at 20"):
        await run(log, "redrive", first.id)
    assert all(letter.redriven_at for letter in (await letters.read_box(log, TOPICS)).letters)


async def test_a_redriven_record_that_fails_again_can_be_redriven_again(log: SqliteLog) -> None:
    (record,) = await standing(log, TOPICS.observations, b"one")
    await buried(log, record)
    await run(log, "redrive", "--all")
    again = (await everything(log, TOPICS.observations))[-1]
    await buried(log, again, after=5)
    await run(log, "redrive", "--all")
    assert [r.value for r in await everything(log, TOPICS.observations)] == [b"one"] * 3


async def test_what_subscribers_have_read_is_not_put_back(log: SqliteLog, capsys: pytest.CaptureFixture[str]) -> None:
    (record,) = await standing(log, TOPICS.events, b"one")
    await buried(log, record, "alerting")
    await run(log, "redrive", "--all")
    assert len(await everything(log, TOPICS.events)) == 1
    assert "subscribers" in capsys.readouterr().out


async def test_what_a_newer_record_replaced_is_not_put_back(log: SqliteLog) -> None:
    older, newer = await standing(log, TOPICS.feeds, b"older", b"newer")
    (other,) = await standing(log, TOPICS.feeds, b"other", key="other")
    for record in (older, newer, other):
        await buried(log, record, "poller")
    await run(log, "redrive", "--all")
    values = [r.value async for r in snapshot(log, TOPICS.feeds)]
    assert values.count(b"older") <= 1
    assert sorted(value or b"" for value in values if value != b"older") == [b"newer", b"newer", b"other", b"other"]


class Counting:
    """A log that counts the records that are read from it."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.read = 0

    async def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        return await self._log.bounds(topic)

    async def reader(self, topic: str, positions: Mapping[int, int]) -> Reader:
        reader = await self._log.reader(topic, positions)
        poll = reader.poll

        async def counted(**arguments: Any) -> list[Record]:
            records = await poll(**arguments)
            self.read += len(records)
            return records

        reader.poll = counted  # type: ignore[method-assign]
        return reader


async def test_a_partition_is_read_once_for_all_its_letters_and_what_comes_meanwhile_still_counts(
    log: SqliteLog,
) -> None:
    records = [(await standing(log, TOPICS.feeds, b"%d" % n, key=f"blog-{n}"))[0] for n in range(40)]
    for record in records:
        await buried(log, record, "poller")
    box = await letters.read_box(log, TOPICS)
    counting = Counting(log)
    async with letters.Newest(cast("Log", counting)) as newest:
        assert [await letters.obstacle(newest, TOPICS, letter) for letter in box.letters] == [None] * 40
        assert counting.read == 40
        await log.append([Outgoing(topic=TOPICS.feeds, key="blog-7", value=b"edited meanwhile")])
        reasons = {one.record.key: await letters.obstacle(newest, TOPICS, one) for one in box.letters}
        assert counting.read == 41
    assert {key for key, reason in reasons.items() if reason} == {"blog-7"}


async def test_a_topic_of_another_installation_is_left_alone(log: SqliteLog) -> None:
    (record,) = await standing(log, TOPICS.observations, b"one")
    await buried(log, msgspec.structs.replace(record, topic="elsewhere.observations.v1"))
    (letter,) = (await letters.read_box(log, TOPICS)).letters
    with pytest.raises(Failure, match="no topic elsewhere"):
        await run(log, "redrive", letter.id)


def test_report_of_nothing_says_nothing() -> None:
    with capture_logs() as lines:
        report([])
    assert lines == []
