"""Which addresses may be connected to, in every spelling."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from deltawire import net
from deltawire.config import FetchConfig
from deltawire.poller.fetch import fetch
from deltawire.poller.outcome import Failure, Fetched
from support.origin import Answer, Origin, redirect

GUARDED = FetchConfig(timeout=60)

SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "0.0.0.0",
    "0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "user:password@127.0.0.1",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_of_loopback_reaches_the_server(spelling: str) -> None:
    async with Origin() as origin, net.make_session(GUARDED) as session:
        origin.serve("/feed", Answer(body=b"secret"))
        outcome = await fetch(session, GUARDED, f"http://{spelling}:{origin.port}/feed")
        assert isinstance(outcome, Failure)
        assert outcome.cause in {"address-refused", "dns", "url"}
        assert origin.connections == 0


async def test_the_table_can_fail_because_some_spellings_reach_the_server_when_allowed() -> None:
    allowed = FetchConfig(allow_private_networks=True, timeout=60)
    reached = 0
    for spelling in SPELLINGS:
        async with Origin() as origin, net.make_session(allowed) as session:
            origin.serve("/feed", Answer(body=b"secret"))
            outcome = await fetch(session, allowed, f"http://{spelling}:{origin.port}/feed")
            reached += isinstance(outcome, Fetched)
    assert reached >= 8


async def test_a_redirect_to_a_private_address_is_refused_at_the_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    real = net.check_address
    async with Origin("127.0.0.2") as public, Origin("127.0.0.1") as private:

        def check(address: str, *, allow_private_networks: bool) -> None:
            if address != "127.0.0.2":
                real(address, allow_private_networks=allow_private_networks)

        monkeypatch.setattr(net, "check_address", check)
        private.serve("/feed", Answer(body=b"secret"))
        public.serve("/feed", redirect(private.url()))
        async with net.make_session(GUARDED) as session:
            outcome = await fetch(session, GUARDED, public.url())
    assert isinstance(outcome, Failure)
    assert outcome.cause == "address-refused"
    assert len(public.requests) == 1
    assert private.connections == 0


async def test_a_name_that_comes_to_mean_a_private_address_is_refused_where_it_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: what a name meant a moment ago, or means beside it, allows nothing."""
    real, resolve = net.check_address, asyncio.get_running_loop().getaddrinfo
    answers = [["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.1", "::1"]]

    def check(address: str, *, allow_private_networks: bool) -> None:
        if address != "127.0.0.2":
            real(address, allow_private_networks=allow_private_networks)

    async def rebound(host: str, port: int, **options: Any) -> list[Any]:
        found = [await resolve(address, port, type=options["type"]) for address in answers[0]]
        return [info for infos in found for info in infos]

    monkeypatch.setattr(net, "check_address", check)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
    outcomes = []
    async with Origin("127.0.0.2") as public:
        private = Origin("127.0.0.1")
        private.port = public.port
        async with private:
            public.serve("/feed", Answer(body=b"shown", headers={"Connection": "close"}))
            private.serve("/feed", Answer(body=b"secret"))
            while answers:
                async with net.make_session(GUARDED) as session:
                    outcome = await fetch(session, GUARDED, f"http://rebinding.example:{public.port}/feed")
                outcomes.append(outcome.body if isinstance(outcome, Fetched) else outcome.cause.encode())
                answers.pop(0)
        assert private.connections == 0
    assert outcomes == [b"shown", b"address-refused", b"shown", b"address-refused"]


async def test_the_refusal_names_host_address_and_mend() -> None:
    async with net.make_session(GUARDED) as session:
        for host, begin in [("localhost", "localhost resolves to "), ("10.0.0.5", "10.0.0.5 is a private address")]:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(f"http://{host}:1/")
            sentence = net.refusal(caught.value)
            assert sentence is not None
            assert sentence.startswith(begin)
            assert "set [fetch] allow_private_networks = true" in sentence


async def test_other_errors_are_no_refusals() -> None:
    async with net.make_session(FetchConfig(allow_private_networks=True)) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get("http://127.0.0.1:1/")
    assert net.refusal(caught.value) is None
    assert net.refusal(ValueError()) is None


REFUSED = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255 169.254.0.1
169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0
198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1
100::1 2001::1 2001:0:7f00:1:: 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808:: 3fff::1 4000::1 fc00::1
fd12:3456::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1 ff0e::1 5f00::1
"""

ADMITTED = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.254 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255
172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450::1 2003::1 3ffe::1
"""


@pytest.mark.parametrize("address", REFUSED.split())
def test_addresses_off_the_public_internet_are_refused(address: str) -> None:
    with pytest.raises(net.AddressRefused) as caught:
        net.check_address(address, allow_private_networks=False)
    assert caught.value.address == address


@pytest.mark.parametrize("address", ADMITTED.split())
def test_public_addresses_are_admitted(address: str) -> None:
    net.check_address(address, allow_private_networks=False)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1"]
)
def test_private_networks_can_be_allowed(address: str) -> None:
    net.check_address(address, allow_private_networks=True)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "224.0.0.1", "fe80::1", "::ffff:169.254.169.254", "2002:7f00:1::", "64:ff9b::7f00:1"]
)
def test_link_local_multicast_and_tunnelled_addresses_stay_refused(address: str) -> None:
    with pytest.raises(net.AddressRefused):
        net.check_address(address, allow_private_networks=True)


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        Origin() as proxy,
        net.make_session(FetchConfig(allow_private_networks=True)) as session,
        Origin() as site,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.url("/"))
        monkeypatch.setenv("http_proxy", proxy.url("/"))
        site.serve("/feed", Answer(body=b"direct"))
        outcome = await fetch(session, FetchConfig(allow_private_networks=True), site.url())
    assert isinstance(outcome, Fetched)
    assert proxy.connections == 0
