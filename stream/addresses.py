"""Which addresses reach this machine only."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Tell whether an address is of this machine alone; names other than localhost may not be.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "[::1]", "localhost")]
    [True, True, True, True]
    >>> [is_loopback(host) for host in ("0.0.0.0", "", "kafka-1")]
    [False, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
