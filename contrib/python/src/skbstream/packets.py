"""Packets for scapy."""

from __future__ import annotations

from typing import Any

from .record import Event

# linux/if_arp.h and linux/if_ether.h
_ETHERNET = (1, 772)
_IPV4, _IPV6 = 0x0800, 0x86DD


def to_scapy(event: Event) -> Any:
    """The packet of an event: from its Ethernet header on, or from its IP header on if it has none (yet). Bytes that
    are none of these are scapy's Raw. Its time is that of the event. Raises ValueError if the event has no bytes.

    The packet ends where the event's bytes end: at the snaplen. `event.path("packet.len")` is how long it was.
    """
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw
    from scapy.utils import EDecimal

    data = event.data
    if data is None:
        raise ValueError("the event has no packet bytes")
    at, device, protocol = event.path("packet.at"), event.path("dev.type"), event.path("skb.protocol")
    named = len(data) >= 14 and protocol == int.from_bytes(data[12:14], "big")
    ethernet = device is None or device in _ETHERNET or named
    made: Any
    if at == "mac" and ethernet:
        made = Ether(data)
    elif at == "network" and protocol == _IPV4:
        made = IP(data)
    elif at == "network" and protocol == _IPV6:
        made = IPv6(data)
    elif at in ("network", "mac") and data and protocol in (_IPV4, _IPV6, None) and data[0] >> 4 in (4, 6):
        made = IP(data) if data[0] >> 4 == 4 else IPv6(data)
    else:
        made = Raw(data)
    ns = event.time_ns
    if ns is not None:
        made.time = EDecimal(ns) / 10**9
    made.wirelen = event.path("packet.len")
    return made
