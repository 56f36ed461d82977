"""Carries out one plan, and keeps what was seen for the oracle."""

import collections
import os
import random
import select
import signal
import socket
import ssl
import tempfile
import threading
import time

import payload
from peer import CLEAN, Peer
from process import POLL, Counts, Hang, Process

# A run takes less than 3 s, unless its plan says otherwise. One that takes this much longer hangs.
DEADLINE = 30.0

# How long the second client of `listen -k` waits for the first to receive something. Long enough
# that the server has served the first one before, on a machine that is busy.
NEXT = 0.5

# What the oracle judges.
Seen = collections.namedtuple("Seen", "plan processes peers problem")


class Stopper(threading.Thread):
    """Sends the signals of a plan, at their moment."""

    def __init__(self, process, stop, counts):
        super().__init__(daemon=True)
        self.process, self.stop, self.counts = process, stop, counts
        self.second_at = None  # when the second signal was sent to the running process

    def run(self):
        start = time.monotonic()
        while not self._is_time(start):
            if self.process.has_ended() or time.monotonic() > self.process.deadline:
                return
            time.sleep(POLL)
        self.process.stop(self.stop.signal)
        if self.stop.second is not None:
            time.sleep(self.stop.second)
            if self.process.stop(self.stop.signal):
                self.second_at = time.monotonic()

    def _is_time(self, start):
        if self.counts.get("done", bool)():
            return True
        if self.stop.seen:
            return self.counts[self.stop.seen]() >= self.stop.at
        return time.monotonic() - start >= self.stop.at


def carry_out(plan, sockkit, certificate, env=None):
    """Runs a plan. Never raises because of what sockkit does."""
    runner = Runner(plan, sockkit, certificate, env)
    with tempfile.TemporaryDirectory(prefix="sockkit-transfers-") as folder:
        problem = None
        try:
            runner.run(folder)
        except Hang as hang:
            problem = "; ".join([str(hang), *runner.states()])
        finally:
            texts = runner.end()
    seen = Seen(plan, runner.processes, runner.peers, problem)
    return seen, texts


class Runner:
    def __init__(self, plan, sockkit, certificate, env):
        self.plan, self.sockkit, self.certificate, self.env = plan, sockkit, certificate, env
        self.deadline = time.monotonic() + DEADLINE + plan.seconds
        self.rng = random.Random(plan.seed + 1)
        self.processes, self.peers, self.stoppers = [], [], []

    def run(self, folder):
        self.folder = folder
        self.address = os.path.join(folder, "socket")
        {"client": self.client, "server": self.server, "pair": self.pair, "shared": self.shared}[
            self.plan.topology
        ]()

    def states(self):
        """What the peers are doing, for the report of a hang."""
        return [peer.state() for peer in self.peers if peer.is_alive()]

    def end(self):
        """Ends everything. Returns what each process has printed to standard error."""
        for process in self.processes:
            process.close()
        for peer in self.peers:
            if peer:
                peer.release.set()
        return [process.stderr() for process in self.processes]

    def payloads(self, end):
        """What standard input holds, and what the peer must receive."""
        size = end.input.size
        if end.mode == "crlf":
            return payload.text(self.rng, size)
        given = payload.binary(self.rng, size)
        return given, payload.binary(self.rng, 0) if end.mode == "recv-only" else given

    # sockkit

    def process(self, end, name, expects):
        given, sent = self.payloads(end)
        process = Process(self.sockkit, end, self.folder, name, given, expects, self.deadline)
        process.sent = sent
        self.processes.append(process)
        return process

    def arguments(self, end, place):
        tls = self.plan.carrier == "tls"
        arguments = [end.command, *place]
        arguments += ["--tls", "--insecure" if end.command == "connect" else "--self-signed"] * tls
        mode = {"normal": [], "exec": ["--exec", "cat"], "shared": ["--keep-open"]}
        arguments += mode.get(end.mode, [f"--{end.mode}"])
        return [*arguments, *end.options]

    def listen(self, process):
        """Starts a listener. Returns its address, or None if it has ended."""
        if self.plan.carrier == "unix":
            process.start(self.arguments(process.end, [f"unix:{self.address}"]), self.env)
            # The file of the socket exists before it listens.
            self.wait_for(lambda: process.has_ended() or "listening on" in process.stderr())
            return None if process.has_ended() else self.address
        process.start(self.arguments(process.end, ["127.0.0.1:0", "--port-file", "port"]), self.env)
        port = process.port()
        return port and ("127.0.0.1", port)

    def connect(self, process, address):
        place = [f"unix:{address}"] if isinstance(address, str) else [address[0], str(address[1])]
        process.start(self.arguments(process.end, place), self.env)

    def stop(self, process, **counts):
        if process.end.stop:
            stopper = Stopper(process, process.end.stop, counts)
            self.stoppers.append(stopper)
            process.stopper = stopper
            stopper.start()

    # The topologies

    def peer(self, process, stream, plan, sends, **more):
        context = None
        if self.plan.carrier == "tls":
            server = self.plan.topology == "client"
            context = self.certificate.server if server else self.certificate.client
            more["server"] = server
        peer = Peer(stream, plan, sends, process.sent, self.deadline, context,
                    feeder=process.feeder, **more)
        return peer

    def client(self):
        """sockkit connects to the peer."""
        end, plan = self.plan.ends[0], self.plan.peers[0]
        back = self.back(end, plan)
        process = self.process(end, "connect", self.stdout_of(end, back))
        unix = self.plan.carrier == "unix"
        listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        with listener:
            if plan.buffer:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, plan.buffer)
            listener.bind(self.address if unix else ("127.0.0.1", 0))
            listener.listen()
            self.connect(process, listener.getsockname())
            while not select.select([listener], [], [], POLL * 10)[0]:
                if process.has_ended():
                    break
                if time.monotonic() > self.deadline:
                    raise Hang("connect does not connect")
            listener.setblocking(False)
            try:
                stream = listener.accept()[0]
            except BlockingIOError:
                stream = None
        self.exchange(process, stream, plan, back)

    def server(self):
        """The peer connects to sockkit."""
        end, plan = self.plan.ends[0], self.plan.peers[0]
        back = self.back(end, plan)
        process = self.process(end, "listen", self.stdout_of(end, back))
        address = self.listen(process)
        stream = process.connection(address, plan.buffer) if address else None
        self.exchange(process, stream, plan, back)

    def back(self, end, plan):
        if end.mode == "exec":
            sent = payload.binary(self.rng, plan.sends)
            self.payloads = lambda end: (payload.binary(random.Random(0), 0), sent)
            return sent
        return payload.binary(self.rng, plan.sends)

    def stdout_of(self, end, back):
        """What standard output must hold: nothing, if it is not printed."""
        return payload.binary(self.rng, 0) if end.mode in ("send-only", "exec") else back

    def exchange(self, process, stream, plan, back):
        peer = None
        if stream:
            peer = self.peer(process, stream, plan, back)
            self.peers.append(peer)
            peer.start()
            self.stop(process, peer=lambda: peer.received.count,
                      stdout=lambda: process.received.count)
        process.wait()
        if peer:
            peer.release.set()
            self.join(peer)

    def join(self, peer):
        peer.join(max(self.deadline - time.monotonic(), POLL))
        if peer.is_alive():
            process = self.processes[0]
            state = "has ended" if process.has_ended() else "goes on"
            raise Hang(f"{process.name} {state}, and a peer is not done")

    def pair(self):
        """sockkit connects to sockkit."""
        connect, listen = (self.process(end, end.command, None) for end in self.plan.ends)
        for process, other in ((connect, listen), (listen, connect)):
            expects = payload.binary(self.rng, 0) if process.end.mode == "send-only" else other.sent
            process.received = payload.Receiver(expects)
        address = self.listen(listen)
        if address:
            self.connect(connect, address)
            # Before it connects, sockkit may not handle signals yet.
            self.wait_for(lambda: connect.has_ended() or listen.has_ended()
                          or "connected" in listen.stderr())
            for process, other in ((connect, listen), (listen, connect)):
                self.stop(process, peer=lambda other=other: other.received.count,
                          stdout=lambda process=process: process.received.count)
            self.wait_for(lambda: connect.has_ended() or listen.has_ended())
            connect.wait()
            if not listen.has_ended():
                self.end_unused(listen)
        listen.wait()

    def end_unused(self, listen):
        """Stops a listener to which no client has come: connect had failed before."""
        if self.wait_for(listen.has_ended, 2.0) or "connected" in listen.stderr():
            return
        listen.stop(signal.SIGTERM)

    def wait_for(self, condition, seconds=None):
        limit = self.deadline if seconds is None else min(self.deadline, time.monotonic() + seconds)
        while not condition():
            if time.monotonic() > limit:
                if seconds is None:
                    raise Hang("sockkit does not listen, connect or end")
                return False
            time.sleep(POLL)
        return True

    def shared(self):
        """Clients of one `listen -k`, each of which sends its own byte."""
        end = self.plan.ends[0]
        process = self.process(end, "listen", Counts())
        address = self.listen(process)
        for plan in self.plan.peers if address else []:
            self.join_shared(process, address, plan)
        if self.peers:
            first = self.peers[0]
            self.stop(process, peer=lambda: first.received.count,
                      done=lambda: not first.is_alive() or first.ended)
        for stopper in self.stoppers:
            stopper.join(max(self.deadline - time.monotonic(), POLL))
        if not end.stop:
            for peer in self.peers:
                if peer.plan.reads == "now":
                    self.join(peer)
            if process.feeder:
                process.feeder.release.set()
            process.stop(signal.SIGTERM)
        process.wait()
        for peer in self.peers:
            peer.release.set()
            self.join(peer)

    def join_shared(self, process, address, plan):
        if plan.joins != "first" and self.peers:
            first = self.peers[0]
            if plan.joins == "after":
                self.wait_for(lambda: first.ended or not first.is_alive())
            else:
                # Under TLS, a client is served only after its handshake.
                self.wait_for(lambda: not first.is_alive() or not first.shakes_hands(), DEADLINE)
                self.wait_for(lambda: first.received.count or process.has_ended(), NEXT)
        stream = process.connection(address, plan.buffer)
        if not stream:
            return
        number = len(self.peers)
        sends = payload.Payload(bytes([number]) * plan.sends, 0, plan.sends)
        peer = self.peer(process, stream, plan, sends, middle=plan.joins != "first")
        self.peers.append(peer)
        peer.start()


class Certificate:
    """The contexts of the Python peers."""

    def __init__(self, folder):
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.check_hostname = False
        self.client.verify_mode = ssl.CERT_NONE
