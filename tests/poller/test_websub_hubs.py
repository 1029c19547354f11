"""Hubs that are asked: wherever they are and whatever they answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from deltawire import net
from deltawire.poller import websub_hub
from deltawire.poller.hosts import Gates
from deltawire.poller_state import Subscription
from support.hub import Hub
from support.polling import CONFIG
from support.ports import free_port
from support.websub import Desk

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def ask(hub: Hub, url: str | None = None, gates: Gates | None = None, **fetch: Any) -> str | None:
    """The cause for which a hub could not be asked to subscribe."""
    config = msgspec.structs.replace(CONFIG.fetch, **fetch)
    one = Subscription(
        hub=url or hub.url,
        topic="https://blog.example/",
        callback="https://us.example/t",
        secret="s",
        since=NOW,
        due=NOW,
    )
    async with net.make_session(config) as session:
        failure = await websub_hub.ask(session, config, gates or Gates(config), one, "subscribe", lambda: NOW)
    return None if failure is None else failure.cause


async def test_a_hub_at_an_address_that_may_not_be_asked_never_hears_of_us(desk: Desk) -> None:
    assert await ask(desk.hub, allow_private_networks=False) == "address-refused"
    assert desk.hub.requests == []


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ((307, {"Location": "/again"}), "redirect"),
        ((301, {}), "redirect"),
        ((302, {"Location": "file:///etc/passwd"}), "redirect"),
        ((303, {"Location": "/again"}), "http-303"),
        ((404, {}), "http-404"),
        ((429, {"Retry-After": "60"}), "http-429"),
    ],
)
async def test_a_hub_that_answers_nonsense_is_a_failure(
    desk: Desk, answer: tuple[int, dict[str, str]], cause: str
) -> None:
    desk.hub.answers = [answer] * 10
    assert await ask(desk.hub) == cause
    assert len(desk.hub.requests) <= 6


async def test_a_hub_that_has_a_fault_is_not_slowed_down_and_one_that_refuses_is(desk: Desk) -> None:
    gates = Gates(CONFIG.fetch)
    for answer, strikes in (((503, {}), 0), ((503, {"Retry-After": "60"}), 1), ((429, {}), 2)):
        desk.hub.answers = [answer]
        assert await ask(desk.hub, gates=gates) == f"http-{answer[0]}"
        assert gates._host(desk.hub.url).strikes == strikes


async def test_a_hub_behind_tls_cannot_have_the_secret_sent_in_the_clear(desk: Desk) -> None:
    async with Hub() as plain:
        desk.hub.answers = [(307, {"Location": plain.url})]
        assert await ask(desk.hub) == "redirect"
        assert plain.requests == []
        assert len(desk.hub.requests) == 1


async def test_a_hub_without_tls_is_not_told_the_secret(desk: Desk) -> None:
    """5.1: hub.secret is for HTTPS only; one that was told before is not told again."""
    async with Hub() as plain:
        plain.answers = [(307, {"Location": "/again"}), (308, {"Location": desk.hub.url})]
        assert await ask(plain) is None
        assert [form.fields.keys() & {"hub.secret"} for form in (*plain.requests, *desk.hub.requests)] == [set()] * 3
    assert await ask(desk.hub) is None
    assert desk.hub.requests[1].fields["hub.secret"] == "s"


async def test_a_hub_that_never_answers_or_is_not_there_is_a_failure(desk: Desk) -> None:
    desk.hub.hangs = True
    assert await ask(desk.hub, timeout=0.2) == "timeout"
    assert await ask(desk.hub, f"http://127.0.0.1:{free_port()}/") == "connect"
