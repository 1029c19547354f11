"""A game over HTTP, so that any system can be run against it: each GET of its feed is the next look."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from deltawire.press.game import Answer, Game
from deltawire.press.score import Said, said_from_json, score


def misbehaving(game: Game) -> web.Application:
    """The game at ``/feed``; when it is over, the last answer stays.

    ``GET /control/truth`` answers with ``{"facts", "deeds", "look", "finished"}``: what follows from the looks so far.
    ``POST /control/score`` takes a candidate's events, one JSON object a line (``score.Said`` or deltawire's own
    CloudEvents), and answers with ``{"f1", "precision", "recall", "expected", "said", "defects"}``.
    """
    answers = iter(game)
    last: list[Answer] = []
    finished = False

    async def feed(_: web.Request) -> web.Response:
        nonlocal finished
        answer = next(answers, None)
        if answer is None:
            finished = True
        else:
            last[:] = [answer]
        return web.Response(status=last[0].status, headers=last[0].headers, body=last[0].body)

    async def truth(_: web.Request) -> web.Response:
        facts = [fact.as_json() for fact in game.facts]
        look = last[0].look if last else 0
        return web.json_response({"facts": facts, "deeds": game.deeds, "look": look, "finished": finished})

    async def told(request: web.Request) -> web.Response:
        try:
            said = _events((await request.text()).splitlines())
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"one JSON object a line is wanted: {error}") from None
        result = score(game.facts, said, learning=game.learning)
        report: dict[str, Any] = {
            "f1": result.f1,
            "precision": result.precision,
            "recall": result.recall,
            "expected": result.expected,
            "said": result.said,
            "defects": [sentence for _, sentence in result.defects],
        }
        return web.json_response(report)

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_get("/feed", feed, allow_head=False)
    app.router.add_get("/control/truth", truth)
    app.router.add_post("/control/score", told)
    app.on_response_prepare.append(_silence)
    return app


def _events(lines: list[str]) -> list[tuple[int, Said]]:
    return [(0, said_from_json(json.loads(line))) for line in lines if line.strip()]


async def _silence(request: web.Request, response: web.StreamResponse) -> None:
    """aiohttp dates every answer: not those that are to have no headers."""
    if request.path == "/feed" and "ETag" not in response.headers:
        response.headers.pop("Date", None)
