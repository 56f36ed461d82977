"""The faults of machines and links, beside those of the servers and the files.

A method is named after its fault, and undone by another one: `_no_route` and `_heal_no_route`.
"""

import ipaddress

# The MTU of a link that drops larger packets. IPv6 needs at least 1280 bytes (RFC 8200).
SMALL_MTU = {"IPv4": 600, "IPv6": 1280}

# How long a slow server takes to answer, in seconds: long, but not too long.
SLOW = 0.8


class Faults:
    """What a network can do to its machines."""

    def _interface_down(self):
        self.host.ip("link set eth0 down")

    def _no_carrier(self):
        if self.router:
            self.router.ip("link set near0 down")
        else:
            self.server.ip("link set eth0 down")

    def _no_address(self):
        self.host.ip("addr flush dev eth0 scope global")

    def _no_route(self):
        self.host.ip(*[f"route del default via {it.gateway}" for it in self.families])

    def _heal_no_route(self):
        self.host.ip(*[f"route add default via {it.gateway}" for it in self.families])

    def _routes(self, machine, action, kind, only=None):
        """Adds or removes routes that reject the packets to the server."""
        for family in self.families:
            if only in (None, version(family.server)):
                bits = 32 if version(family.server) == 4 else 128
                machine.ip(f"route {action} {kind} {family.server}/{bits}")

    def _blackhole_route(self):
        self._routes(self.host, "add", "blackhole")

    def _heal_blackhole_route(self):
        self._routes(self.host, "del", "blackhole")

    def _unreachable_route(self):
        self._routes(self.host, "add", "unreachable")

    def _heal_unreachable_route(self):
        self._routes(self.host, "del", "unreachable")

    def _prohibit_route(self):
        self._routes(self.host, "add", "prohibit")

    def _heal_prohibit_route(self):
        self._routes(self.host, "del", "prohibit")

    def _v6_blackhole_route(self):
        self._routes(self.host, "add", "blackhole", 6)

    def _heal_v6_blackhole_route(self):
        self._routes(self.host, "del", "blackhole", 6)

    def _router_blackhole(self):
        self._routes(self.router, "add", "blackhole")

    def _heal_router_blackhole(self):
        self._routes(self.router, "del", "blackhole")

    def _router_unreachable(self):
        self._routes(self.router, "add", "unreachable")

    def _heal_router_unreachable(self):
        self._routes(self.router, "del", "unreachable")

    def _router_prohibit(self):
        self._routes(self.router, "add", "prohibit")

    def _heal_router_prohibit(self):
        self._routes(self.router, "del", "prohibit")

    def _gateways(self, right, only=None):
        for family in self.families:
            if only in (None, version(family.host)):
                gateway = family.gateway if right else other(family.gateway)
                self.host.ip(f"route replace default via {gateway}")

    def _dead_gateway(self):
        self._gateways(False)

    def _heal_dead_gateway(self):
        self._gateways(True)

    def _v6_dead_gateway(self):
        self._gateways(False, 6)

    def _heal_v6_dead_gateway(self):
        self._gateways(True, 6)

    def _silent_resolver(self):
        self.dns.says = "silent"

    def _failing_resolver(self):
        self.dns.says = "failing"

    def _no_such_name(self):
        self.dns.says = "nxdomain"

    def _right_resolver(self):
        self.dns.says = "right"

    _heal_silent_resolver = _heal_failing_resolver = _heal_no_such_name = _right_resolver

    def _drop(self, action, versions):
        """Makes the server drop the packets to the port: no answer, and no ICMP message."""
        for number in versions:
            rules = [f"rule {action} pref 10 iif eth0 ipproto tcp dport {self.plan.port} blackhole"]
            if action == "add":
                # A rule applies to packets for the machine itself only before the table `local`.
                rules += ["rule add pref 100 table local", "rule del pref 0"]
            self.server.ip(*rules, version=number)

    def _versions(self):
        return [version(it.host) for it in self.families]

    def _port_dropped(self):
        self._drop("add", self._versions())

    def _heal_port_dropped(self):
        self._drop("del", self._versions())

    def _v6_port_dropped(self):
        self._drop("add", [6])

    def _heal_v6_port_dropped(self):
        self._drop("del", [6])

    def _no_return_route(self):
        self.server.ip(*[f"route del default via {it.far}" for it in self.families])

    def _heal_no_return_route(self):
        self.server.ip(*[f"route add default via {it.far}" for it in self.families])

    def _server_gone(self):
        self.server.ip("addr flush dev eth0 scope global")

    def _link_down(self):
        self.router.ip("link set near0 down")

    def _small_mtu(self):
        """Makes the switch drop large packets, without a message.

        It passes several packets at once that are divided later, so the machines must not send such.
        """
        smallest = max(SMALL_MTU[name] for name in self.plan.families)
        for machine in (self.host, self.server):
            machine.ip("link set eth0 gso_max_segs 1")
        self.switch.ip(f"link set port1 mtu {smallest}")

    _tls_mtu = _app_mtu = _small_mtu

    def _no_ping(self):
        self.router.set("ipv4/icmp_echo_ignore_all", 1)
        self.router.set("ipv6/icmp/echo_ignore_all", 1)

    def _remove_family(self):
        number = self._absent()
        self.host.ip("addr flush dev eth0", "route flush dev eth0", version=number)

    _v4_absent = _v6_absent = _remove_family

    def _slow_resolver(self):
        self.dns.delay = SLOW

    def _unused_interface(self):
        self.host.ip("link add eth1 type veth peer name eth2")


def version(ip):
    return ipaddress.ip_address(ip).version


def nodad(family):
    return " nodad" if ":" in family.host else ""


def other(ip):
    """An address of the same network that no machine has: they have the numbers below 200."""
    address = ipaddress.ip_address(ip)
    last = int(address) & 0xFF
    return str(address - last + 200 + last % 50)
