from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from deltawire import net
from deltawire.alerting import webhook
from deltawire.alerting.payload import make_alert
from deltawire.alerting.rules import subject
from deltawire.clock import utc_now
from deltawire.config import FetchConfig
from deltawire.store.port import Alert
from deltawire.webhook_secret import signing_key
from support.receiver import Receiver
from support.samples import entry_event

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
KEY = signing_key(SECRET)


def an_alert() -> Alert:
    about = subject(entry_event("created", 1, text="Six hurt, “says” Zoë 😀"))
    assert about is not None
    return make_alert("toll", about, ("six",), utc_now())


async def test_a_delivery_verifies_with_the_standard_library_of_receivers(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    alert = an_alert()
    answer = await webhook.post(session, receiver.url, KEY, alert, utc_now())
    assert (answer.ok, answer.text) == (True, "HTTP 204")
    (delivery,) = receiver.received
    verified = Webhook(SECRET).verify(delivery.body, delivery.headers)
    assert verified["type"] == "deltawire.alert"
    assert verified["data"]["entry"]["content_text"] == "Six hurt, “says” Zoë 😀"
    assert delivery.headers["webhook-id"] == alert.id
    assert "." not in alert.id
    assert delivery.headers["content-type"] == "application/json"


async def test_a_delivery_that_was_tampered_with_does_not_verify(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    await webhook.post(session, receiver.url, KEY, an_alert(), utc_now())
    (delivery,) = receiver.received
    good, body = delivery.headers, delivery.body
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    later = str(int(good["webhook-timestamp"]) + 1)
    for secret, tampered, headers in [
        (other, body, good),
        (SECRET, body.replace(b"Six", b"Ten"), good),
        (SECRET, body, good | {"webhook-id": "toll-0"}),
        (SECRET, body, good | {"webhook-timestamp": later}),
    ]:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(tampered, headers)


async def test_another_attempt_has_the_same_id_and_body_and_a_new_timestamp(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    alert, now = an_alert(), utc_now()
    await webhook.post(session, receiver.url, KEY, alert, now - timedelta(seconds=60))
    await webhook.post(session, receiver.url, KEY, alert, now)
    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60
    Webhook(SECRET).verify(second.body, second.headers)


async def test_a_redirect_is_a_failure_and_never_followed(receiver: Receiver, session: aiohttp.ClientSession) -> None:
    for status in (301, 302, 307, 308):
        receiver.always(status, {"Location": receiver.url})
        answer = await webhook.post(session, receiver.url, KEY, an_alert(), utc_now())
        assert (answer.ok, answer.text) == (False, f"HTTP {status}, a redirect, which is never followed")
    assert len(receiver.received) == 4


async def test_410_says_that_the_endpoint_is_gone(receiver: Receiver, session: aiohttp.ClientSession) -> None:
    receiver.always(410)
    assert (await webhook.post(session, receiver.url, KEY, an_alert(), utc_now())).gone
    receiver.always(404)
    assert not (await webhook.post(session, receiver.url, KEY, an_alert(), utc_now())).gone


async def test_retry_after_is_taken_from_a_failure(receiver: Receiver, session: aiohttp.ClientSession) -> None:
    receiver.always(503, {"Retry-After": "120"})
    answer = await webhook.post(session, receiver.url, KEY, an_alert(), utc_now())
    assert (answer.ok, answer.text, answer.retry_after_s) == (False, "HTTP 503", 120.0)


async def test_no_retry_after_keeps_an_answer_from_being_an_answer(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    receiver.always(503, {"Retry-After": "Tue, 25 Nov 99999999999999999999 09:01:30 GMT"})
    answer = await webhook.post(session, receiver.url, KEY, an_alert(), utc_now())
    assert (answer.text, answer.retry_after_s) == ("HTTP 503", None)
    receiver.always(503, {"Retry-After": "9" * 12})
    assert (await webhook.post(session, receiver.url, KEY, an_alert(), utc_now())).retry_after_s == 86_400.0


async def test_an_endpoint_that_does_not_answer_is_a_failure_when_the_time_is_up(
    receiver: Receiver, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.05)
    receiver.answer = receiver.hang
    answer = await webhook.post(session, receiver.url, KEY, an_alert(), utc_now())
    assert (answer.ok, answer.text) == (False, "no answer within 0.05 s")


async def test_a_body_without_end_is_not_waited_for(receiver: Receiver, session: aiohttp.ClientSession) -> None:
    async def endless() -> web.StreamResponse:
        return web.Response(status=200, body=drip(), content_type="text/plain")

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    receiver.answer = endless
    assert (await webhook.post(session, receiver.url, KEY, an_alert(), utc_now())).ok


async def test_a_failed_connection_is_told_without_the_url(session: aiohttp.ClientSession) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/hooks/t0ken"
        answer = await webhook.post(session, url, KEY, an_alert(), utc_now())
    assert not answer.ok
    assert answer.text.startswith("no answer: ")
    for bad in ("http://[t0ken", "http://exa mple.org/t0ken", "nonsense:t0ken"):
        answer = await webhook.post(session, bad, KEY, an_alert(), utc_now())
        assert not answer.ok
        assert "t0ken" not in answer.text


async def test_private_addresses_are_refused_where_the_session_refuses_them(receiver: Receiver) -> None:
    async with net.make_session(FetchConfig()) as strict:
        answer = await webhook.post(strict, receiver.url, KEY, an_alert(), utc_now())
    assert not answer.ok
    assert "allow_private_networks" in answer.text
    assert receiver.received == []


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        ("hunter2", "does not begin with whsec_"),
        ("whsec_hunter2!", "is no base64"),
        ("whsec_aHVudGVyMg==", "holds 7 bytes, not 24 to 64"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "holds 65 bytes"),
        ("whsec_é", "is no base64"),
    ],
)
def test_a_bad_secret_is_a_sentence_that_does_not_repeat_it(secret: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        signing_key(secret)
    assert "hunter2" not in str(refused.value)
    assert "make one with" in str(refused.value)


def test_a_secret_without_padding_is_a_secret() -> None:
    assert signing_key(SECRET.rstrip("=")) == KEY
