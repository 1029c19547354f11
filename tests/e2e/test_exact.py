"""Publishers that do random things, a pipeline that says exactly what they did, also when it is killed."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from deltawire.press.chance import Publisher
from deltawire.press.render import FormatName
from deltawire.press.truth import compare, fold
from e2e.deployment import DEADLINE, Deployment, deployed, press

FORMATS: tuple[FormatName, ...] = ("rss", "atom", "json-feed", "json-ld", "guardian")
LOOKS = 4
"""Looks at a state before the next: the last of them may die with the process before it is written."""


MOST_KILLS = 15


def publishers(seed: int) -> dict[str, Publisher]:
    """One in each format; windowed and noisy where the format allows."""
    return {
        name: Publisher(seed, name, window=None if name == "guardian" else 8 if name == "rss" else None, noisy=True)
        for name in FORMATS
    }


async def agreement(deployment: Deployment, truth: dict[str, Publisher]) -> list[dict[str, Any]]:
    """Wait until the events are exactly right, or fail with what is wrong."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE
    while True:
        events = await deployment.events()
        reports = {name: compare(publisher.facts, events, feed=name) for name, publisher in truth.items()}
        if all(report.ok for report in reports.values()):
            return events
        if loop.time() > deadline:
            pytest.fail("\n".join(f"{name}: {report}" for name, report in reports.items() if not report.ok)[:5000])
        # What was looked at last is under way; each turn starts a process, so this does not spin.


async def the_store_to_be_the_fold(deployment: Deployment, events: list[dict[str, Any]]) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE
    expected = sorted(
        (event["subject"], entry["title"], entry["content_text"], entry["content_html"])
        for event, entry in ((e, fold([e])[e["subject"]]) for e in latest(events) if not e["type"].endswith("removed"))
    )
    while True:
        stored = sorted(
            deployment.stored(
                "SELECT entry_id, title, content_text, content_html FROM entries WHERE removed_at IS NULL"
            )
        )
        revisions = deployment.stored("SELECT count(*), count(DISTINCT event_id) FROM revisions")
        if stored == expected and revisions == [(len(events), len(events))]:
            return
        assert loop.time() < deadline, (len(stored), len(expected), revisions, len(events))
        await asyncio.sleep(0.05)


def latest(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last event of each entry."""
    last = {e["subject"]: e for e in events if e["type"].startswith("deltawire.entry.")}
    return list(last.values())


async def step_all(truth: dict[str, Publisher], steps: int) -> None:
    await asyncio.gather(*(publisher.advance(steps, looks=LOOKS) for publisher in truth.values()))
    await asyncio.gather(*(publisher.looked(LOOKS) for publisher in truth.values()))


@pytest.mark.timeout(900)
async def test_hundreds_of_random_changes_in_five_formats_are_exactly_the_events(tmp_path: Path) -> None:
    truth = publishers(seed=7)
    async with press(truth) as config, deployed(tmp_path, config) as deployment:
        await deployment.start()
        await asyncio.wait_for(step_all(truth, 100), 600)
        events = await agreement(deployment, truth)
        await the_store_to_be_the_fold(deployment, events)
        assert len(events) > 300
        assert await deployment.stop() == 0
    warnings = [line for line in deployment.log_lines() if line["level"] in ("warning", "error")]
    assert warnings == []


@pytest.mark.timeout(900)
async def test_killed_at_any_moment_it_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    truth = publishers(seed=11)
    rng = random.Random(11)
    async with press(truth) as config, deployed(tmp_path, config) as deployment:
        stepping = asyncio.create_task(step_all(truth, 40))
        kills = 0
        while not stepping.done():
            await deployment.start()
            # The moment of the kill is the point here; it is drawn, not waited for. On a machine so slow that nothing
            # gets done between two of them there has to be a last one.
            await asyncio.wait({stepping}, timeout=rng.uniform(0.1, 2.5) if kills < MOST_KILLS else None)
            if not stepping.done():
                await deployment.kill()
                kills += 1
                for publisher in truth.values():
                    publisher.looks = 0
        await stepping
        assert kills >= 5
        events = await agreement(deployment, truth)
        await the_store_to_be_the_fold(deployment, events)
        assert await deployment.stop() == 0
