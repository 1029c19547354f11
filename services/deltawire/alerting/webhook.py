"""Webhooks as Standard Webhooks 1.0 wants them: signed, never redirected, answered within a deadline."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

import aiohttp
import orjson

from deltawire import http_time, net
from deltawire.alerting.schedule import Answer
from deltawire.store.port import Alert

TIMEOUT_S = 15.0


def signed_headers(key: bytes, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers of one attempt: the id stays the same with each, the timestamp does not."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


async def post(session: aiohttp.ClientSession, url: str, key: bytes, alert: Alert, now: datetime) -> Answer:
    """Send an alert once. Only the status and Retry-After of the answer are read; its body is left where it is."""
    body = orjson.dumps(alert.payload)
    try:
        async with session.post(
            url,
            data=body,
            headers=signed_headers(key, alert.id, now, body),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        ) as response:
            return _answer(response.status, response.headers.get("Retry-After"), now)
    except TimeoutError:
        return Answer(ok=False, text=f"no answer within {TIMEOUT_S:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Not the error's own text: it can hold the URL, and the URL of a webhook is often its secret.
        reason = getattr(error, "strerror", None)
        return Answer(ok=False, text=net.refusal(error) or f"no answer: {reason or type(error).__name__}")


def _answer(status: int, retry_after: str | None, now: datetime) -> Answer:
    if 200 <= status < 300:
        return Answer(ok=True, text=f"HTTP {status}")
    until = http_time.retry_after(retry_after, now)
    note = ", a redirect, which is never followed" if 300 <= status < 400 else ""
    return Answer(
        ok=False,
        text=f"HTTP {status}{note}",
        gone=status == 410,
        retry_after_s=None if until is None else (until - now).total_seconds(),
    )
