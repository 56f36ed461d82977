"""Transfers over a bad link: where a process exits with 0, every byte must have arrived.

One machine listens, the other one connects, and each sends a payload. Or doctor checks the path
over such a link, which is slow, but not broken.
"""

import dataclasses
import hashlib
import os
import random
import signal
import subprocess
import time

import namespaces
from link import Link, Quality, tun
from network import DEADLINE, run, targets
from plan import HEALTHY, NAME
from servers import Dns, Server

KIB = 1024
HOST, SERVER = {4: "10.9.0.1", 6: "fd09::1"}, {4: "10.9.0.2", 6: "fd09::2"}
PORT = 7000


@dataclasses.dataclass(frozen=True)
class TransferPlan:
    seed: int
    version: int
    # "both" send; only the client ("send-only"); over TLS ("tls"); a client with a limit that the
    # outage exceeds ("limit"), or that is stopped during the outage ("stop"); a "doctor".
    mode: str
    sizes: tuple  # what the client and the server send
    quality: Quality
    outage: float  # the option from which the plan derives
    # Nothing is broken but the link.
    fault = HEALTHY

    @property
    def kind_of_run(self):
        return self.mode

    @property
    def spec(self):
        return f"transfer:{self.seed}:{self.outage}"

    @property
    def repeat(self):
        return f"--runs 0 --transfers 1 --outage {self.outage:g}"

    def text(self):
        quality = self.quality
        out = f", an outage of {quality.outage:g} s" if quality.outage else ""
        return (f"{self.mode} over IPv{self.version}: {quality.loss:.0%} loss, {quality.duplicates:.0%}"
                f" duplicates, {quality.delay * 1000:.0f} to"
                f" {(quality.delay + quality.jitter) * 1000:.0f} ms, MTU {quality.mtu}{out}")


def plan_of(seed, outage):
    rng = random.Random(f"transfer {seed}")
    modes = ["both", "send-only", "tls", "limit", "stop", "doctor"]
    # The first seeds contain each mode.
    mode = modes[seed % len(modes)]
    # doctor may take 5 % for a fault: three lost packets in succession are no rarity then.
    quality = Quality(
        loss=0.02 if mode == "doctor" else 0.05, delay=rng.uniform(0, 0.01), jitter=rng.choice([0, 0, 0.004]),
        duplicates=rng.choice([0, 0.02]), mtu=rng.choice([1500, 1400, 1280]),
        outage_at=rng.randrange(20, 250), outage=0 if mode == "doctor" else outage)
    sizes = (rng.randrange(400, 1500) * KIB, 0 if mode == "send-only" else
             rng.randrange(0, 1000) * KIB)
    return TransferPlan(seed, rng.choice([4, 6]), mode, sizes, quality, outage)


def payload(seed, size):
    return random.Random(f"payload {seed}").randbytes(size)


class Ends:
    """The two machines, and the link between them."""

    def __init__(self, plan):
        self.host, self.server = namespaces.Machine("host"), namespaces.Machine("server")
        self.link = Link(tun(self.host, "tun0"), tun(self.server, "tun0"), plan.quality, plan.seed)
        for machine, ips, peers in ((self.host, HOST, SERVER), (self.server, SERVER, HOST)):
            ip, peer = ips[plan.version], peers[plan.version]
            nodad = " nodad" if plan.version == 6 else ""
            machine.ip(f"link set tun0 mtu {plan.quality.mtu} up",
                       f"addr add {ip} peer {peer} dev tun0{nodad}")
        self.link.start()


def observe(plan, sockkit, folder, certificates):
    ends = Ends(plan)
    seen = doctor(plan, ends, sockkit, folder) if plan.mode == "doctor" else \
        transfer(plan, ends, sockkit, folder)
    link = ends.link
    seen["link"] = {"carried": link.carried, "lost": link.lost, "duplicated": link.duplicated,
                    "in_outage": link.in_outage}
    return seen


def doctor(plan, ends, sockkit, folder):
    ip = SERVER[plan.version]
    Dns(ends.server, [ip], NAME, [ip], [], lambda: None)
    Server(ends.server, [ip], PORT, "greeting", None, 0, lambda: None)
    files = {"/etc/resolv.conf": f"nameserver {ip}\n", "/etc/hosts": "127.0.0.1 localhost\n"}
    for at, (path, content) in enumerate(files.items()):
        source = folder / str(at)
        source.write_text(content)
        namespaces.replace_file(os.path.realpath(path), source)
    return {"doctor": run(ends.host, [*sockkit, "--json", "doctor", f"{NAME}:{PORT}"])}


def transfer(plan, ends, sockkit, folder):
    # TCP doubles the time between two attempts: after an outage it waits for up to as long again,
    # and for four times as long if the first packet after it is lost, too.
    deadline = time.monotonic() + DEADLINE + 8 * plan.quality.outage
    listener_options, client_options = [], []
    if plan.mode == "send-only":
        listener_options, client_options = ["--recv-only"], ["--send-only"]
    elif plan.mode == "tls":
        listener_options, client_options = ["--tls", "--self-signed"], ["--tls", "--insecure"]
    elif plan.mode == "limit":
        client_options = ["--timeout", f"{max(plan.quality.outage / 2, 1):.1f}s"]
    ip = SERVER[plan.version]
    [address] = targets([ip], PORT)
    port_file = folder / "port"
    listener = start(ends.server, [*sockkit, "listen", address, "--port-file", str(port_file),
                                   *listener_options], folder, "listener", plan.seed, plan.sizes[1])
    while not port_file.exists() and listener.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    client = start(ends.host, [*sockkit, "connect", ip, str(PORT), *client_options], folder,
                   "client", plan.seed + 1, plan.sizes[0])
    if plan.mode == "stop":
        while not ends.link.in_outage and client.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        client.send_signal(signal.SIGTERM)
    seen = {}
    for name, process in (("client", client), ("listener", listener)):
        if name == "listener" and plan.mode in ("limit", "stop"):
            # The reset may be lost, and a listener that only receives has nothing to notice it.
            deadline = min(deadline, time.monotonic() + 2 * plan.quality.outage + 5)
        try:
            code = process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
        seen[name] = {"command": process.args[1:], "code": code,
                      "received": hashlib.sha256((folder / f"{name}.out").read_bytes()).hexdigest(),
                      "bytes": (folder / f"{name}.out").stat().st_size,
                      "err": (folder / f"{name}.err").read_text(errors="replace")}
    digests = [hashlib.sha256(payload(seed, size)).hexdigest() for seed, size in
               ((plan.seed + 1, plan.sizes[0]), (plan.seed, plan.sizes[1]))]
    seen["sent_by_client"], seen["sent_by_listener"] = digests
    return seen


def start(machine, command, folder, name, seed, size):
    """Starts sockkit with a payload as its input, and files as its output."""
    (folder / f"{name}.in").write_bytes(payload(seed, size))
    with (machine.entered(), open(folder / f"{name}.in", "rb") as source,
          open(folder / f"{name}.out", "wb") as out, open(folder / f"{name}.err", "wb") as err):
        return subprocess.Popen(command, stdin=source, stdout=out, stderr=err,
                                env={**os.environ, "RUST_BACKTRACE": "0"})
