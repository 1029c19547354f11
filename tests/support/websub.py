"""A poller that listens to a hub, a site whose documents name that hub, and a log between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from deltawire.config import WebSubConfig
from deltawire.poller_state import FetchState, Subscription
from support.hub import Form, Hub
from support.origin import Answer, Origin
from support.polling import CONFIG, Deployment, blog
from support.ports import free_port
from support.waiting import eventually


class Desk(Deployment):
    """A deployment whose poller listens to hubs. Its feeds are not looked at again for long, unless they are woken."""

    def __init__(self, path: Path, origin: Origin, hub: Hub) -> None:
        super().__init__(path, origin)
        self.hub = hub
        self.topic = origin.url("/topic")
        port = free_port()
        self.config = msgspec.structs.replace(
            CONFIG, websub=WebSubConfig(callback=f"http://127.0.0.1:{port}/websub", port=port)
        )

    def page(self, *texts: str, **fields: Any) -> Answer:
        links = f'<{self.hub.url}>; rel="hub", <{self.topic}>; rel="self"'
        headers = {"Link": links, "Cache-Control": "max-age=600"} | fields.pop("headers", {})
        return Answer(body=blog(*texts), content_type="application/feed+json", headers=headers, **fields)

    def listening(self, **options: Any) -> Any:
        return self.poller(self.config, **options)

    async def subscribed(self, min_interval: float = 0.03) -> Form:
        """A feed is added, and its hub has been told where to deliver."""
        self.origin.serve("/feed", self.page("a"))
        await self.add(min_interval=min_interval, max_interval=900)
        return await self.hub.confirmed()

    async def subscription(self) -> Subscription | None:
        state = await self.state()
        return None if state is None else state.subscription

    async def until_state(self, condition: Callable[[FetchState | None], bool]) -> None:
        async def holds() -> bool:
            return condition(await self.state())

        await eventually(holds)
