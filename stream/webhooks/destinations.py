"""Where webhooks may go: not into networks that only we can reach (server-side request forgery)."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

_NAT64 = IPv6Network("64:ff9b::/96")
MAX_URL_CHARACTERS = 2_048


def check_url(url: str, *, private_network: bool) -> None:
    """Refuse an address that nothing may be sent to, as far as it can be told from its text.

    Names are looked up at each connection, and what they stand for is checked then.

    Raises
    ------
    ValueError
        With what is wrong and what to do.

    Examples
    --------
    >>> check_url("https://crm.example.com/hooks", private_network=False)
    >>> check_url("http://crm.example.com/hooks", private_network=False)
    Traceback (most recent call last):
    ...
    ValueError: not https; give an https:// address, or set private_network for one of your own
    """
    if len(url) > MAX_URL_CHARACTERS or any(c.isspace() or not c.isprintable() for c in url):
        raise ValueError("no address of the web; give one without spaces, like https://HOST/PATH")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"no address of the web ({error}); give one like https://HOST/PATH") from (
            None
        )
    if parts.scheme not in {"https", "http"} or not host:
        raise ValueError("no address of the web; give one like https://HOST/PATH")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "it holds a user or password; leave them out: receivers know us by the signature"
        )
    if parts.fragment:
        raise ValueError("what follows # is never sent; leave it out")
    if parts.scheme == "http" and not private_network:
        raise ValueError(
            "not https; give an https:// address, or set private_network for one of your own"
        )
    try:
        ip_address(host)
    except ValueError:
        return
    check_address(host, private_network=private_network, is_plain=parts.scheme == "http")


def check_address(address: str, *, private_network: bool, is_plain: bool) -> None:
    """Refuse an IP address that nothing may be sent to.

    Parameters
    ----------
    private_network
        Whether loopback and private addresses are allowed.
    is_plain
        Whether it would be HTTP without TLS, which may stay inside only.

    Raises
    ------
    ValueError
        With what is wrong and what to do.

    Examples
    --------
    >>> check_address("127.0.0.1", private_network=True, is_plain=True)
    >>> check_address("::ffff:10.0.0.1", private_network=False, is_plain=False)
    Traceback (most recent call last):
    ...
    ValueError: a private address; set private_network = true if it is yours
    """
    ip = _unwrapped(ip_address(address.partition("%")[0]))
    # Clouds serve credentials at link-local addresses.
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or _is_broadcast(ip):
        raise ValueError("a link-local, multicast or unspecified address; nothing is sent there")
    if ip.is_global:
        if is_plain:
            raise ValueError("plain HTTP to an address outside; give an https:// address")
    elif not private_network:
        raise ValueError("a private address; set private_network = true if it is yours")


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip.sixtofour is not None:
            return ip.sixtofour
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip


def _is_broadcast(ip: IPv4Address | IPv6Address) -> bool:
    return ip == IPv4Address("255.255.255.255")
