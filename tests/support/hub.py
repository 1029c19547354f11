"""A WebSub hub on loopback (W3C REC, 2018): real HTTP in both directions, honest or not.

    async with Hub() as hub:
        ... a document offers hub.url ...
        subscription = await hub.confirmed(1)
        status = await hub.deliver(subscription, b"...")

``lease`` is what it grants as hub.lease_seconds; ``answers`` are (status, headers) of the next requests before it works
again; ``verifies`` whether it verifies what it has accepted. With a ``context`` it is asked over TLS.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import ssl
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from aiohttp import web

from deltawire.tasks import cancel

CONTENT = b"the new content of the topic"


class Form(NamedTuple):
    """A request as it came: the path that was asked, and its fields."""

    path: str
    fields: dict[str, str]

    @property
    def callback(self) -> str:
        return self.fields["hub.callback"]


class Hub:
    """``requests`` are all that came; ``agreed`` those whose verification was echoed."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.requests: list[Form] = []
        self.agreed: list[Form] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.lease = "864000"
        self.verifies = True
        self.hangs = False
        self.url = ""
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context).start()
        self.url = f"http{'s' if self._context else ''}://127.0.0.1:{self._runner.addresses[0][1]}/hub"
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await cancel(self._tasks)
        await self._session.close()
        await self._runner.cleanup()

    async def asked(self, count: int, mode: str = "subscribe") -> Form:
        """The request of that mode with that number (from 1), as soon as it came."""
        return await self._nth(self.requests, count, mode)

    async def confirmed(self, count: int = 1, mode: str = "subscribe") -> Form:
        """The same of what was verified."""
        return await self._nth(self.agreed, count, mode)

    async def ask(self, callback: str, **said: str) -> tuple[int, str]:
        """GET a callback with ``hub.`` parameters: status and body of the answer."""
        parameters = {f"hub.{name}": value for name, value in said.items()}
        async with self._session.get(callback, params=parameters) as response:
            return response.status, await response.text()

    async def deliver(
        self, form: Form, body: bytes = CONTENT, method: str = "sha256", secret: str | None = None
    ) -> int:
        """Deliver, signed with the agreed secret or another: the status of the answer."""
        key = (form.fields["hub.secret"] if secret is None else secret).encode()
        signature = f"{method}={hmac.new(key, body, getattr(hashlib, method)).hexdigest()}"
        return await self.post(form.callback, body, {"X-Hub-Signature": signature})

    async def post(self, callback: str, body: bytes, headers: dict[str, str] | None = None) -> int:
        async with self._session.post(callback, data=body, headers=headers) as response:
            return response.status

    async def _nth(self, forms: list[Form], count: int, mode: str) -> Form:
        def those() -> list[Form]:
            return [form for form in forms if form.fields["hub.mode"] == mode]

        async with asyncio.timeout(120), self._news:
            await self._news.wait_for(lambda: len(those()) >= count)
        return those()[count - 1]

    async def _take(self, request: web.Request) -> web.Response:
        form = Form(request.path, {name: str(value) for name, value in (await request.post()).items()})
        await self._note(self.requests, form)
        if self.hangs:
            await asyncio.Event().wait()
        if self.answers:
            status, headers = self.answers.pop(0)
            return web.Response(status=status, headers=headers)
        if self.verifies:
            task = asyncio.create_task(self._verify(form))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return web.Response(status=202)

    async def _verify(self, form: Form) -> None:
        challenge = secrets.token_hex(16)
        said = {"mode": form.fields["hub.mode"], "topic": form.fields["hub.topic"], "challenge": challenge}
        if said["mode"] == "subscribe" and self.lease:
            said["lease_seconds"] = self.lease
        if await self.ask(form.callback, **said) == (200, challenge):
            await self._note(self.agreed, form)

    async def _note(self, forms: list[Form], form: Form) -> None:
        async with self._news:
            forms.append(form)
            self._news.notify_all()
