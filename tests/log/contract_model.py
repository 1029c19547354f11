"""The contract once more: any sequence of operations leaves what a plain list would hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deltawire.log.port import Fenced
from log.contract import Engine, everything, out


class LogModelContract:
    @settings(
        max_examples=15,
        deadline=None,
        # Every example makes its own engine; every engine runs the same test.
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
            HealthCheck.too_slow,
        ],
    )
    @given(
        st.lists(
            st.one_of(
                st.tuples(
                    st.just("commit"),
                    st.lists(
                        st.tuples(st.sampled_from(["events", "entries"]), st.sampled_from("abcd"), st.booleans()),
                        max_size=6,
                    ),
                ),
                st.tuples(st.sampled_from(["zombie", "compact", "restart"]), st.just([])),
            ),
            max_size=20,
        )
    )
    async def test_any_sequence_of_operations_matches_a_list(
        self, make_engine: Callable[[], Engine], operations: list[tuple[str, Sequence[tuple[str, str, bool]]]]
    ) -> None:
        engine = make_engine()
        names = {"events": engine.topics.events, "entries": engine.topics.entries}
        model: dict[str, list[tuple[str | None, bytes | None]]] = {"events": [], "entries": []}
        log = await engine.open()
        writer = await log.writer("w")
        for number, (operation, rows) in enumerate(operations):
            if operation == "commit":
                await writer.commit([out(names[t], key, b"%d" % number if full else None) for t, key, full in rows])
                for topic, key, full in rows:
                    model[topic].append((key, b"%d" % number if full else None))
            elif operation == "zombie":
                zombie, writer = writer, await log.writer("w")
                with pytest.raises(Fenced):
                    await zombie.commit([out(names["events"], "a", b"zombie")])
            elif operation == "compact":
                await engine.force_compaction(log)
            else:
                await log.close()
                log = await engine.open()
                writer = await log.writer("w")
        events = [(r.key, r.value) for r in await everything(log, names["events"])]
        for key in "abcd":
            assert [row for row in events if row[0] == key] == [row for row in model["events"] if row[0] == key]
        entries = {r.key: r.value for r in await everything(log, names["entries"])}
        latest = dict(model["entries"])
        assert {k: v for k, v in entries.items() if v is not None} == {k: v for k, v in latest.items() if v is not None}
        await log.close()
