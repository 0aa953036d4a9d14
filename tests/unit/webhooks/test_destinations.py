"""Nothing is sent into private networks, nor in plain to the outside."""

import socket

import pytest
from aiohttp.abc import AbstractResolver

from stream.webhooks.destinations import check_address, check_url
from stream.webhooks.endpoints import Endpoint
from stream.webhooks.sender import CheckingResolver, DestinationError, Sender

PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "::1"),
    *("fc00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "192.0.2.1", "240.0.0.1"),
]
NEVER = [
    *("169.254.169.254", "fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1", "ff02::1"),  # noqa: S104
    *("255.255.255.255", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_only_where_they_are_allowed(address):
    with pytest.raises(ValueError, match="private_network = true"):
        check_address(address, private_network=False, is_plain=False)
    check_address(address, private_network=True, is_plain=True)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("private_network", [True, False])
def test_some_addresses_never(address, private_network):
    with pytest.raises(ValueError, match="nothing is sent there"):
        check_address(address, private_network=private_network, is_plain=False)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::808:808"])
def test_the_outside_with_tls_alone(address):
    check_address(address, private_network=False, is_plain=False)
    with pytest.raises(ValueError, match="plain HTTP"):
        check_address(address, private_network=True, is_plain=True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://crm.example.com/", "not https"),
        ("ftp://crm.example.com/", "no address of the web"),
        ("https:///path", "no address of the web"),
        ("https://crm.example.com:port/", "no address of the web"),
        ("https://crm.example.com/a b", "without spaces"),
        ("https://user:hunter2@crm.example.com/", "user or password"),
        ("https://crm.example.com/#x", "#"),
        ("https://127.0.0.1/", "private_network = true"),
        ("https://[::1]/", "private_network = true"),
        ("https://" + "x" * 3_000 + ".example/", "no address of the web"),
    ],
)
def test_addresses_that_are_refused_as_they_stand(url, message):
    with pytest.raises(ValueError, match=message):
        check_url(url, private_network=False)


class Names(AbstractResolver):
    """Names as an attacker may have them: another address each time."""

    def __init__(self, *answers):
        self._answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {"hostname": host, "host": a, "port": port, "family": family, "proto": 0, "flags": 0}
            for a in self._answers.pop(0)
        ]

    async def close(self):
        pass


def endpoint(url: str = "https://a.example/") -> Endpoint:
    fields = {"name": "a", "url": url, "secret_env": "S"}
    return Endpoint(**fields, messages=("score_changed",))


async def test_a_name_leads_to_no_address_that_is_not_allowed():
    resolver = CheckingResolver(
        endpoint(), Names(["93.184.216.34", "10.0.0.1"], ["169.254.169.254"])
    )
    assert [r["host"] for r in await resolver.resolve("a.example")] == ["93.184.216.34"]
    with pytest.raises(DestinationError, match="link-local"):
        await resolver.resolve("a.example")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "inside.example"])
async def test_a_post_there_is_never_made(host):
    sender = Sender(endpoint(f"https://{host}/"), resolver=Names(["127.0.0.1"]))
    try:
        answer = await sender.post({}, b"{}")
    finally:
        await sender.close()
    assert answer.status is None
    if host == "inside.example":
        assert answer.fault == (
            "its name stands for a private address; set private_network = true if it is yours"
        )
