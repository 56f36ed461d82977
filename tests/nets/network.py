"""Builds the network of a plan, breaks it, and runs sockkit on its host.

A process of its own does this: it prints what it observed as one JSON object.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import namespaces
from faults import SLOW, Faults, nodad, other, version
from plan import NAME, plan_of
from servers import Dns, Server

# How long a run of sockkit may take, far beyond its own limit: it must not hang. The self-test
# shortens it.
DEADLINE = float(os.environ.get("DEADLINE", 60))


class Network(Faults):
    """The machines of a plan: the host on which sockkit runs, a router or none, the server."""

    def __init__(self, plan, folder, certificates):
        self.plan, self.folder, self.certificates = plan, folder, certificates
        self.families = plan.families.values()
        self.struck_at = self.healed_at = None
        self.once = threading.Lock()
        self.host = namespaces.Machine("host")
        self.server = namespaces.Machine("server")
        self.router = namespaces.Machine("router") if plan.router else None
        self._connect_machines()
        self._start_servers()
        self._write_files()

    def _connect_machines(self):
        if not self.router:
            namespaces.connect(self.host, "eth0", self.server, "eth0")
        else:
            namespaces.connect(self.host, "eth0", self.router, "near0")
            self._connect_far_link()
            self.router.set("ipv4/ip_forward", 1)
            self.router.set("ipv6/conf/all/forwarding", 1)
            # Every packet that cannot be forwarded is reported.
            self.router.set("ipv4/icmp_ratelimit", 0)
        for family in self.families:
            self.host.ip(f"addr add {family.host}/{family.prefix} dev eth0{nodad(family)}")
            self.server.ip(f"addr add {family.server}/{family.prefix} dev eth0{nodad(family)}")
            if self.router:
                self.router.ip(
                    f"addr add {family.gateway}/{family.prefix} dev near0{nodad(family)}",
                    f"addr add {family.far}/{family.prefix} dev far0{nodad(family)}")
                self.host.ip(f"route add default via {family.gateway}")
                self.server.ip(f"route add default via {family.far}")

    def _connect_far_link(self):
        if not self.plan.fault.name.endswith("-mtu"):
            namespaces.connect(self.router, "far0", self.server, "eth0")
            return
        # A switch on the way, which drops packets that are larger than the MTU of its port.
        self.switch = namespaces.Machine("switch")
        namespaces.connect(self.router, "far0", self.switch, "port0")
        namespaces.connect(self.server, "eth0", self.switch, "port1")
        self.switch.ip("link add br0 type bridge", "link set port0 master br0",
                       "link set port1 master br0", "link set br0 up")

    def _start_servers(self):
        plan, fault = self.plan, self.plan.fault.name
        at_router = plan.resolver == "router"
        self.resolvers = [it.gateway if at_router else it.server for it in self.families]
        self.targets = [it.server for it in self.families]
        if fault not in ("closed-resolver", "no-resolver"):
            machine = self.router if at_router else self.server
            lies = [other(ip) for ip in self.targets]
            self.dns = Dns(machine, self.resolvers, NAME, self.targets, lies,
                           lambda: self._event("query"))
            self.dns.says = {"tcp-only-resolver": "tcp", "lying-resolver": "lying"}.get(
                fault, "right")
        served = [ip for ip in self.targets if not self._is_closed(ip)]
        manner = plan.kind
        if fault == "silent-server":
            manner = "silent"
        elif fault == "app-mtu":
            manner = "large"
        certificate = None
        if plan.tls and fault != "no-tls":
            name = fault if fault in ("expired", "wrong-name", "unknown-issuer") else "good"
            if fault == "tls-mtu" or fault == "none" and plan.seed % 8:
                name = "large"
            certificate = self.certificates / f"{name}.pem"
        delay = SLOW if fault == "slow-server" else 0
        Server(self.server, served, plan.port, manner, certificate, delay,
               lambda: self._event("accept"))

    def _is_closed(self, ip):
        fault = self.plan.fault.name
        return fault == "port-closed" or fault == "v6-port-closed" and version(ip) == 6

    def _absent(self):
        """The IP version that the host does not have."""
        return {"v4-absent": 4, "v6-absent": 6}.get(self.plan.fault.name)

    def _write_files(self):
        """Replaces the files that name the DNS servers, the hosts and the order of the two."""
        fault = self.plan.fault.name
        servers = [ip for ip in self.resolvers if self._absent() != version(ip)]
        if fault == "no-resolver":
            servers = []
        elif fault == "absent-resolver":
            servers = [other(ip) for ip in servers]
        elif fault == "spare-resolver":
            servers = [servers[0], other(servers[0])]
        hosts = "127.0.0.1 localhost\n::1 localhost\n"
        if fault in ("lying-resolver", "hosts-entry"):
            hosts += "".join(f"{ip} {NAME}\n" for ip in self.targets)
        resolv_conf = "".join(f"nameserver {ip}\n" for ip in servers) + self.plan.search
        contents = {"/etc/resolv.conf": resolv_conf, "/etc/hosts": hosts,
                    "/etc/nsswitch.conf": "hosts: files dns\n"}
        for at, (path, content) in enumerate(contents.items()):
            if os.path.exists(path):
                source = self.folder / str(at)
                source.write_text(content)
                namespaces.replace_file(os.path.realpath(path), source)

    def _event(self, moment):
        if self.plan.moment == moment:
            self.strike()

    def strike(self):
        """Breaks what the plan says, once."""
        with self.once:
            if self.struck_at is None:
                getattr(self, "_" + self.plan.fault.name.replace("-", "_"), lambda: None)()
                self.struck_at = time.monotonic()

    def heal(self):
        with self.once:
            getattr(self, "_heal_" + self.plan.fault.name.replace("-", "_"))()
            self.healed_at = time.monotonic()


def run(machine, command):
    """Runs sockkit on a machine; returns its exit code, output and duration."""
    started = time.monotonic()
    environment = {key: value for key, value in os.environ.items()
                   if not key.lower().endswith("_proxy") and not key.startswith("SOCKKIT_")}
    with machine.entered():
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**environment, "RUST_BACKTRACE": "0"})
    try:
        stdout, stderr = process.communicate(timeout=DEADLINE)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        code = None
    return {"command": command[1:], "code": code, "out": stdout.decode(errors="replace"),
            "err": stderr.decode(errors="replace"), "seconds": time.monotonic() - started}


def observe(plan, sockkit, folder, certificates):
    """Builds the network, breaks it, and returns what sockkit said about it."""
    network = Network(plan, folder, certificates)
    if plan.moment == "before":
        network.strike()
    elif plan.moment == "later":
        later(plan.delay, network.strike)
    if plan.heals_after:
        later(plan.heals_after, network.heal)
    doctor = [*sockkit, "--json", "doctor", f"{NAME}:{plan.port}"]
    if plan.tls:
        doctor += ["--tls", "--ca", str(certificates / "ca.pem")]
    started = time.monotonic()
    seen = {"doctor": run(network.host, doctor)}
    at = lambda moment: None if moment is None else moment - started
    seen["struck_at"], seen["healed_at"] = at(network.struck_at), at(network.healed_at)
    if plan.moment == "before" and not plan.heals_after:
        probe = [*sockkit, "--json", "probe"]
        seen["probe"] = run(network.host, [*probe, *targets(network.targets, plan.port)])
        seen["targets"] = network.targets
        if plan.fault.layer in ("dns", "name"):
            seen["named"] = run(network.host, [*probe, f"{NAME}:{plan.port}"])
        seen["local"] = run(network.host, [*sockkit, "--json", "doctor"])
    return seen


def targets(ips, port):
    return [f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip in ips]


def later(delay, action):
    timer = threading.Timer(delay, action)
    timer.daemon = True
    timer.start()


def main():
    import transfer

    plan, certificates, *sockkit = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        try:
            namespaces.own_machine()
            folders = pathlib.Path(folder), pathlib.Path(certificates)
            match plan.split(":"):
                case ["network", seed]:
                    seen = observe(plan_of(int(seed)), sockkit, *folders)
                case ["transfer", seed, outage]:
                    plan = transfer.plan_of(int(seed), float(outage))
                    seen = transfer.observe(plan, sockkit, *folders)
        except namespaces.NotPermitted as error:
            seen = {"not_permitted": str(error)}
    print(json.dumps(seen))
    sys.stdout.flush()
    # The threads of the servers need no end.
    os._exit(0)


if __name__ == "__main__":
    main()
