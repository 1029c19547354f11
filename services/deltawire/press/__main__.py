"""``python -m deltawire.press``: play the stories of the demo, with ``--chance`` a random blog that others step, with
``--misbehave`` one that misbehaves."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from datetime import date

from aiohttp import web

from deltawire.press.chance import Publisher
from deltawire.press.game import Game
from deltawire.press.misbehave import MISBEHAVIOURS
from deltawire.press.play import chance, stories, utc_now
from deltawire.press.render import FORMATS
from deltawire.press.server import serve
from deltawire.press.stage import misbehaving
from deltawire.press.story import DAY, STORIES, load


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deltawire.press", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the address is printed")
    parser.add_argument("--seed", type=int, default=1)
    told = parser.add_argument_group("stories")
    told.add_argument("--speed", type=float, default=60, help="story seconds a second; at 60 it lasts 4.5 minutes")
    told.add_argument("--day", type=date.fromisoformat, default=DAY, help=f"the day of the story (default {DAY})")
    random = parser.add_argument_group("a random blog")
    random.add_argument("--chance", choices=list(FORMATS), metavar="FORMAT", help=", ".join(FORMATS))
    random.add_argument("--window", type=int, help="show only that many posts")
    random.add_argument("--opening", type=int, default=6, help="posts that are there at the start")
    random.add_argument("--noisy", action="store_true", help="render differently at every look")
    bad = parser.add_argument_group("a misbehaving blog (docs/press.md)")
    bad.add_argument("--misbehave", metavar="NAME", help=f"several joined by +: {', '.join(MISBEHAVIOURS)}")
    bad.add_argument("--format", choices=list(FORMATS), default="rss")
    bad.add_argument("--steps", type=int, default=40)
    return parser.parse_args(argv)


def build(options: argparse.Namespace) -> tuple[web.Application, list[str]]:
    """The application and the paths of its feeds."""
    if options.misbehave is not None:
        names = tuple(options.misbehave.split("+"))
        game = Game(options.seed, options.format, names, steps=options.steps, clock=utc_now)
        return misbehaving(game), [f"/feed{game.query}"]
    if options.chance is None:
        paths = [f"/{key}{form.suffix}" for key in STORIES for form in FORMATS.values()]
        told = [load(key, options.day) for key in STORIES]
        return stories(told, speed=options.speed, seed=options.seed), paths
    publisher = Publisher(
        options.seed, options.chance, window=options.window, opening=options.opening, noisy=options.noisy
    )
    return chance(publisher), ["/feed"]


async def main(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    app, paths = build(options)
    async with serve(app, options.host, options.port) as address:
        sys.stdout.write(json.dumps({"address": address, "feeds": [address + path for path in paths]}) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(arguments(sys.argv[1:])))
    except (OSError, ValueError) as error:
        sys.exit(f"deltawire.press: {error}")
