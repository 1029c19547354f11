"""A courier, one step at a time."""

from __future__ import annotations

import asyncio

from deltawire.alerting.courier import AT_ONCE, Courier


async def deliver_due(courier: Courier) -> int:
    """Attempt as many deliveries as have a slot, to their end; returns how many."""
    slots = await courier.begin_due(AT_ONCE)
    await asyncio.gather(*slots)
    return len(slots)
