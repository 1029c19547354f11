"""``entries`` equals a model: a dictionary that takes the events one after another."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.histories import FEEDS, TAILS, Model, Step, history, read_all
from support.stores import Engine

steps = st.builds(
    Step,
    st.sampled_from(FEEDS),
    st.sampled_from([*TAILS, *TAILS, "ended", "epoch"]),
    st.sampled_from(["e1", "e2", "e3"]),
    st.text(st.sampled_from("ab \u2028é😀"), max_size=5),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(plan=st.lists(steps, max_size=30), data=st.data())
async def test_entries_are_the_fold_of_the_events_at_every_position(
    engine: Engine, plan: list[Step], data: st.DataObject
) -> None:
    log = history(plan)
    for copy in data.draw(st.lists(st.integers(0, max(len(log) - 1, 0)), max_size=8 if log else 0), "repeats"):
        log.insert(data.draw(st.integers(copy + 1, len(log)), "again at"), log[copy])
    model = Model()
    store = await engine.open()
    try:
        done = 0
        while done < len(log):
            batch = log[done : done + data.draw(st.integers(1, 6), "batch")]
            stored_at = (await store.positions("storage")).get(0)
            assert (stored_at or 0) == done
            new = await store.apply(0, stored_at, done + len(batch), batch)
            assert new == sum(model.take(event) for event in batch)
            done += len(batch)
            assert await read_all(store) == model.entries
            if data.draw(st.integers(0, 5), "restart") == 0:
                await store.close()
                store = await engine.open()
        for feed in FEEDS:
            for entry in ("e1", "e2", "e3"):
                ids = [revision.event_id for revision in await store.revisions(feed, entry)]
                expected = dict.fromkeys(e.id for e in log if e.feed_id == feed and e.subject == entry)
                assert ids == list(expected)
    finally:
        await store.close()
        await engine.clear()
