"""Whether a host is this machine, so that nothing that is sent there crosses a network."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host: an address, IPv6 without brackets, or `localhost`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # another name: nobody knows where it leads
