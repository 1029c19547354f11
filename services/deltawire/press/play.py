"""Pages over stories and over the random publisher, for the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from aiohttp import web

from deltawire.press.chance import Publisher, Step
from deltawire.press.render import FORMATS, FormatName, render
from deltawire.press.server import Copy, Page, application
from deltawire.press.story import Story

RENDER_EVERY = 20.0
"""Real seconds after which a story's page is rendered anew although nothing happened, as real sites do."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def story_page(story: Story, name: FormatName, *, speed: float, seed: int, began: datetime, clock: Clock) -> Page:
    """A story in one format. ``speed`` is story seconds a real second; each render has its own noise."""

    async def page() -> Copy:
        real = (clock() - began).total_seconds()
        happened = story.happened(real * speed)
        slot = int(real // RENDER_EVERY)
        noise = Random(f"{seed}/{story.blog.key}/{name}/{happened}/{slot}")  # noqa: S311 - reproducible on purpose
        changed = max(story.timeline[happened - 1][0] / speed if happened else 0.0, slot * RENDER_EVERY)
        return Copy(
            render(story.after(happened), name, noise=noise),
            FORMATS[name].content_type,
            began + timedelta(seconds=max(changed, 0.0)),
        )

    return page


def stories(
    told: list[Story], *, speed: float = 60, seed: int = 1, began: datetime | None = None, clock: Clock = utc_now
) -> web.Application:
    """Every story in every format: ``/harbour.rss``, ``/harbour/capi.json`` and so on. The play begins at ``began``.

    Raises:
        ValueError: the speed is not above 0.
    """
    if speed <= 0:
        raise ValueError(f"the speed is {speed:g}; a story plays only at a speed above 0")
    start = began or clock()
    pages = {
        f"/{story.blog.key}{form.suffix}": story_page(story, name, speed=speed, seed=seed, began=start, clock=clock)
        for story in told
        for name, form in FORMATS.items()
    }
    return application(pages)


def chance(publisher: Publisher) -> web.Application:
    """The random publisher at ``/feed``, and its controls, which answer with JSON.

    ``POST /control/step?n=1&looks=0`` steps n times, each once the state before has been looked at that often, and
    answers with ``{"steps": [...], "step", "looks", "total_looks"}``: what was done, how many steps there were in all,
    and how often the present state and all states were looked at. ``GET /control/truth`` adds all ``facts`` to these.
    """
    modified = utc_now()

    async def feed() -> Copy:
        copy = Copy(publisher.draw(), FORMATS[publisher.format].content_type, modified)
        await publisher.look()
        return copy

    async def step(request: web.Request) -> web.Response:
        nonlocal modified
        try:
            count, looks = (int(request.query.get(key, default)) for key, default in (("n", "1"), ("looks", "0")))
        except ValueError:
            raise web.HTTPBadRequest(text="n and looks are whole numbers, as in /control/step?n=1&looks=2") from None
        async with stepping:
            before = len(publisher.steps)
            for _ in range(count):
                await publisher.advance(looks=looks)
                modified = utc_now()
            done = [_step(step) for step in publisher.steps[before:]]
        return web.json_response({"steps": done, **_position(publisher)})

    async def truth(_: web.Request) -> web.Response:
        return web.json_response({"facts": [fact.as_json() for fact in publisher.facts], **_position(publisher)})

    stepping = asyncio.Lock()
    app = application({"/feed": feed})
    app.router.add_post("/control/step", step)
    app.router.add_get("/control/truth", truth)
    return app


def _position(publisher: Publisher) -> dict[str, int]:
    return {"step": len(publisher.steps), "looks": publisher.looks, "total_looks": publisher.total_looks}


def _step(step: Step) -> dict[str, Any]:
    if step.operation is None:
        return {"number": step.number, "operation": "render"}
    fields = {key: sorted(v) if isinstance(v, frozenset) else v for key, v in asdict(step.operation).items()}
    return {"number": step.number, "operation": type(step.operation).__name__.lower(), **fields}
