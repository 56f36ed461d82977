"""What a network looks like, what is broken in it, and when: all derived from a seed."""

import dataclasses
import ipaddress
import random

# The layers of doctor, in their order.
LAYERS = ["self", "interface", "address", "route", "gateway", "dns", "name", "tcp", "tls", "app"]

# The name of the server, and the names that programs on the host look up beside it.
NAME = "server.test"

# The port of each kind of server. doctor knows that the server on port 25 speaks first, and that
# HTTP is spoken on port 8000; about port 4000 it knows nothing.
PORTS = {"http": 8000, "unknown": 4000, "greeting": 25, "https": 443}


@dataclasses.dataclass(frozen=True)
class Fault:
    """One broken thing, and what a correct diagnosis of it is."""

    name: str
    # The layer that doctor must name; None if the network is good enough to be called healthy.
    layer: str | None
    # The states that probe may report for the server's addresses; empty: not checked.
    states: tuple = ("open",)
    # What the network must have: "router", "both" families, "tls", a "plain" greeting.
    needs: tuple = ()
    # Whether the fault can be undone while sockkit runs.
    heals: bool = False
    # Whether the fault can occur while sockkit runs, without a trace in the time before.
    strikes: bool = False

    @property
    def is_far(self):
        """Whether it may be beyond the router."""
        return self.layer in ("tcp", "tls", "app") or self.name.endswith("-mtu")


UNREACHABLE, FILTERED, CLOSED = ("unreachable",), ("filtered",), ("closed",)
# A neighbour that does not answer is filtered until the kernel reports, after some 3 s, that it is
# unreachable.
NO_NEIGHBOR = ("filtered", "unreachable")

FAULTS = [
    Fault("interface-down", "interface", UNREACHABLE),
    Fault("no-carrier", "interface", NO_NEIGHBOR),
    Fault("no-address", "address", UNREACHABLE),
    Fault("no-route", "route", UNREACHABLE, ("router",), heals=True, strikes=True),
    Fault("blackhole-route", "route", UNREACHABLE, (), heals=True, strikes=True),
    Fault("unreachable-route", "route", UNREACHABLE, (), heals=True, strikes=True),
    Fault("prohibit-route", "route", UNREACHABLE, (), heals=True, strikes=True),
    Fault("dead-gateway", "gateway", NO_NEIGHBOR, ("router",), heals=True, strikes=True),
    Fault("no-resolver", "dns"),
    Fault("closed-resolver", "dns"),
    Fault("silent-resolver", "dns", heals=True),
    Fault("absent-resolver", "dns"),
    Fault("failing-resolver", "dns", heals=True),
    Fault("tcp-only-resolver", "dns"),
    Fault("lying-resolver", "name"),
    Fault("no-such-name", "name", heals=True),
    Fault("port-closed", "tcp", CLOSED),
    Fault("port-dropped", "tcp", FILTERED, (), heals=True, strikes=True),
    Fault("router-blackhole", "tcp", FILTERED, ("router",), heals=True, strikes=True),
    Fault("router-unreachable", "tcp", UNREACHABLE, ("router",), heals=True, strikes=True),
    Fault("router-prohibit", "tcp", UNREACHABLE, ("router",), heals=True, strikes=True),
    Fault("server-gone", "tcp", NO_NEIGHBOR, ("router",)),
    Fault("no-return-route", "tcp", FILTERED, ("router",), heals=True, strikes=True),
    Fault("v6-port-closed", "tcp", (), ("both",)),
    Fault("v6-port-dropped", "tcp", (), ("both",), heals=True, strikes=True),
    Fault("v6-dead-gateway", "gateway", (), ("both", "router"), heals=True, strikes=True),
    Fault("v6-blackhole-route", "route", (), ("both",), heals=True, strikes=True),
    Fault("expired", "tls", needs=("tls",)),
    Fault("wrong-name", "tls", needs=("tls",)),
    Fault("unknown-issuer", "tls", needs=("tls",)),
    Fault("no-tls", "tls", needs=("tls",)),
    Fault("tls-mtu", "route", needs=("tls", "router")),
    Fault("silent-server", "app"),
    Fault("app-mtu", "route", needs=("plain", "router")),
    Fault("link-down", "app", (), ("router",)),
    # Not broken: something that looks like a fault, and is none.
    Fault("spare-resolver", None),
    Fault("no-ping", None, needs=("router",)),
    Fault("unused-interface", None),
    Fault("hosts-entry", None),
    Fault("slow-resolver", None),
    Fault("slow-server", None),
    # A host without one of the families of the server.
    Fault("v4-absent", None, (), ("both",)),
    Fault("v6-absent", None, (), ("both",)),
]

HEALTHY = Fault("none", None)


@dataclasses.dataclass(frozen=True)
class Family:
    """The addresses of one family: `gateway` is the router on the link of the host."""

    host: str
    gateway: str | None
    server: str
    prefix: int
    far: str | None  # the router on the link of the server


@dataclasses.dataclass(frozen=True)
class Plan:
    seed: int
    families: dict
    router: bool
    kind: str  # of the server: a key of PORTS
    resolver: str  # the machine with the DNS server: "router" or "server"
    search: str  # lines of resolv.conf beside the servers
    fault: Fault
    # "before" the run, "query" (before the first DNS answer), "accept" (as the server accepts the
    # connection), "later" (`delay` seconds after the start); it is undone after `heals_after`.
    moment: str
    delay: float
    heals_after: float | None

    # How the command line repeats a network alone.
    repeat = "--runs 1 --transfers 0"

    outage = 0

    @property
    def kind_of_run(self):
        return self.fault.name

    @property
    def spec(self):
        """How a process that builds the network is told which one."""
        return f"network:{self.seed}"

    @property
    def port(self):
        return PORTS[self.kind]

    @property
    def tls(self):
        return self.kind == "https"

    @property
    def is_healthy(self):
        return self.fault.layer is None

    def text(self):
        when = {"before": "before the run", "query": "at the first DNS query",
                "accept": "at the first connection", "later": f"after {self.delay:.1f} s"}
        heals = f", heals after {self.heals_after:.1f} s" if self.heals_after else ""
        router = "a router" if self.router else "no router"
        return (f"{self.fault.name} {when[self.moment]}{heals}; {'+'.join(self.families)}, {router},"
                f" {self.kind}, DNS on the {self.resolver}")


def addresses(rng, version, router):
    """The addresses of one family, private or public."""
    if version == 4:
        near, far = rng.choice([("198.51.100.0", "203.0.113.0"), ("10.1.2.0", "10.77.0.0"),
                                ("192.168.1.0", "192.168.200.0"), ("172.16.9.0", "198.51.100.0")])
        prefix = 24
    else:
        near, far = rng.choice([("2001:db8:1::", "2001:db8:2::"), ("fd00:1::", "fd00:2::"),
                                ("2001:db8:7::", "2001:db8:8::")])
        prefix = 64
    def at(network, number):
        return str(ipaddress.ip_address(network) + number)
    host, server = rng.randrange(2, 90), rng.randrange(100, 200)
    if not router:
        return Family(at(near, host), None, at(near, server), prefix, None)
    return Family(at(near, host), at(near, 1), at(far, server), prefix, at(far, 1))


def fits(fault, families, router, kind):
    has = {"router": router, "both": len(families) == 2, "tls": kind == "https",
           "plain": kind == "greeting"}
    return all(has[need] for need in fault.needs)


def plan_of(seed):
    """Every fourth network is healthy; the others have one fault after the other."""
    rng = random.Random(f"nets {seed}")
    fault = FAULTS[(seed - seed // 4) % len(FAULTS)] if seed % 4 else HEALTHY
    while True:
        versions = rng.choice([{"IPv4": 4}, {"IPv6": 6}, {"IPv4": 4, "IPv6": 6}])
        router = rng.random() < 0.75
        kind = rng.choice(list(PORTS))
        if fits(fault, versions, router, kind):
            break
    families = {name: addresses(rng, version, router) for name, version in versions.items()}
    moment, delay, heals_after = "before", 0.0, None
    if fault.name == "link-down":
        moment = "accept"
    elif fault.strikes and rng.random() < 0.3:
        moment = rng.choice(["query", "later"])
        delay = rng.uniform(0.02, 0.4)
    if fault.heals and moment == "before" and rng.random() < 0.25:
        heals_after = rng.uniform(0.2, 3.0)
    search = rng.choice(["", "search example.test\n", "options timeout:1 attempts:2\n"])
    # The failure of a DNS server beyond the fault would be seen first.
    resolver = "router" if router and (rng.random() < 0.5 or fault.is_far) else "server"
    return Plan(seed, families, router, kind, resolver, search, fault, moment, delay, heals_after)
