"""Everything of a run, derived from its seed: who talks to whom, how much, how fast, what fails."""

import dataclasses
import random
import signal

from payload import LARGEST, MIB

KIB = 1024

# Kinds of input that end, and kinds that fail.
FAILING = ("directory", "failing")

# Kinds of input that come through a pipe, which can be empty for a moment.
PIPES = ("pipe", "slow", "held")

# A client of `listen -k` that acknowledges nothing for this long while it delays others is cut off.
CUT_OFF = 30.0


@dataclasses.dataclass
class Input:
    """Standard input: file, pipe, slow, held (a pipe that stays open), empty, closed, or one of
    FAILING."""

    kind: str = "empty"
    size: int = 0
    pauses: tuple = ()  # of a slow pipe, in seconds


@dataclasses.dataclass
class Output:
    """Standard output: a file, or a pipe whose reader pauses, or closes it at a byte."""

    kind: str = "pipe"
    pause: float = 0.0
    close_at: int | None = None


@dataclasses.dataclass
class Stop:
    """A signal, and perhaps a second one, when a number of bytes was seen or a time has passed."""

    signal: int
    seen: str | None = None  # "peer": bytes that the peer has received; "stdout"
    at: float = 0.0  # bytes, or seconds after the connection
    second: float | None = None  # seconds after the first


@dataclasses.dataclass
class End:
    """One sockkit process."""

    command: str
    mode: str = "normal"
    input: Input = dataclasses.field(default_factory=Input)
    output: Output = dataclasses.field(default_factory=Output)
    options: tuple = ()
    stop: Stop | None = None
    limit: str | None = None  # the option that ends the run before the peer does

    def sends_fin_first(self):
        """Whether it ends its stream without waiting for the peer to do so."""
        if self.mode in ("recv-only", "no-shutdown", "exec") or self.input.kind == "held":
            return False  # it may never end its stream
        return self.command == "connect" or self.input.size > 0

    def has_fault(self):
        closes = self.output.close_at is not None
        return bool(self.stop or self.limit or closes or self.input.kind in FAILING)


@dataclasses.dataclass
class PeerPlan:
    """The Python peer.

    `ending` is what it does after it has sent its bytes: close (half-close at once), reply (send
    only after EOF), answer (send only after the whole request, and look for an early EOF), late
    (half-close only after the other end), hold (never), or, at a byte, reset, close-early, cut.
    """

    sends: int = 0
    ending: str = "close"
    reads: str = "now"  # or "late": not before sockkit has ended
    stall: float = 0.0
    piece: int = 256 * KIB
    pause: float = 0.0
    buffer: int | None = None  # SO_RCVBUF
    finishes: bool = False  # it half-closes after its last byte, although it fails later
    after_sent: int | None = None
    after_received: int | None = None
    joins: str = "first"  # a client of `listen -k`: first, next (to the first), after (its end)


@dataclasses.dataclass
class Plan:
    seed: int
    topology: str  # client, server, pair, shared
    carrier: str  # tcp, tls, unix
    ends: list
    peers: list
    seconds: float = 0.0  # how long the run takes at least
    note: str = ""


def choose(rng, **weights):
    names = [name.replace("_", "-") for name in weights]
    return rng.choices(names, weights.values())[0]


def size_of(rng, largest=LARGEST):
    """Small sizes dominate."""
    low, high = rng.choices(
        [(0, 0), (1, 100), (100, 64 * KIB), (64 * KIB, MIB), (MIB, 8 * MIB), (8 * MIB, LARGEST)],
        [10, 15, 33, 28, 11, 3],
    )[0]
    low, high = min(low, largest), min(high, largest)
    return low if low == high else int(low * (high / low) ** rng.random())


def plan_of(seed):
    rng = random.Random(seed)
    # The two that take long are drawn exactly once in 100 runs.
    if seed % 100 == 50:
        return cut_off(rng, seed)
    if seed % 100 == 0:
        return sole(rng, seed)
    kind = choose(rng, client=31, server=31, pair=24, shared=14)
    if kind == "pair":
        return pair(rng, seed)
    return shared(rng, seed) if kind == "shared" else single(rng, seed, kind)


def carrier_of(rng):
    return choose(rng, tcp=50, tls=30, unix=20)


def input_of(rng, size, failing=True):
    kind = choose(rng, file=38, pipe=28, slow=16, empty=7, closed=4,
                  directory=3 * failing, failing=5 * failing)
    if kind in ("empty", "closed", "directory"):
        return Input(kind)
    if kind == "failing":
        # Whole pages, so that the last byte is followed by a page that cannot be read.
        return Input(kind, max(min(size, 8 * MIB) // 4096, 1) * 4096)
    return Input(kind, size, pauses_of(rng) if kind == "slow" else ())


def pauses_of(rng):
    pauses = [rng.uniform(0, 0.15) for _ in range(rng.randint(1, 5))]
    if rng.random() < 0.3:
        pauses.append(rng.uniform(0.3, 0.5))  # longer than an input may pause after the peer's EOF
    return tuple(pauses)


def output_of(rng, size, closing=True):
    kind = choose(rng, pipe=46, file=36, slow=9, closing=9 * (closing and size > 0))
    if kind == "slow":
        # The reader of the pipe takes 64 KiB at once.
        return Output("pipe", pause=min(rng.uniform(0.3, 1.0) / (size / (64 * KIB) + 1), 0.3))
    if kind == "closing":
        return Output("pipe", close_at=rng.randrange(size))
    return Output(kind)


def lengthen(rng, source):
    """Makes an input often so long that it does not fit into the buffers of the two sockets: only
    then, a stop or a deadline comes in the middle of it."""
    if source.kind in ("file", "pipe") and rng.random() < 0.6:
        source.size = rng.randint(6 * MIB, 16 * MIB)


def reading(rng, peer, size, slowly=False):
    """How fast the peer reads: at once, in pieces, or after a while."""
    kind = choose(rng, fast=55, slow=25, stalled=20)
    if slowly and size > 6 * MIB and rng.random() < 0.7:
        peer.buffer = rng.choice([None, 64 * KIB, 256 * KIB])
        peer.piece = 256 * KIB
        peer.pause = rng.uniform(0.3, 1.0) / (size / (64 * KIB if peer.buffer else 256 * KIB))
        return
    if rng.random() < 0.4:
        peer.buffer = rng.choice([4 * KIB, 16 * KIB, 64 * KIB])
    if kind == "slow":
        pieces = rng.randint(2, 40)
        peer.piece = max(size // pieces, 1)
        peer.pause = rng.uniform(0.1, 1.5) / pieces
        # A small buffer must not make many more pieces of it.
        if peer.buffer and size > 64 * KIB:
            peer.buffer = None
        if peer.piece > 64 * KIB:
            peer.pause /= peer.piece / (64 * KIB)
    if kind == "stalled":
        peer.stall = rng.uniform(0.1, 1.0)


def stop_of(rng, seen):
    """`seen` has the number of bytes that will be seen at the peer and at standard output."""
    number = rng.choice([signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
    second = rng.choice([None, None, None, None, rng.uniform(0, 0.3)])
    where = [place for place, size in seen.items() if size > 0]
    if where and rng.random() < 0.7:
        place = rng.choice(where)
        return Stop(number, place, rng.randrange(seen[place]), second)
    return Stop(number, None, rng.uniform(0, 0.4), second)


def milliseconds(rng, low, high):
    return f"{rng.randint(low, high)}ms"


def single(rng, seed, kind):
    """One sockkit process and one Python peer."""
    end = End("connect" if kind == "client" else "listen")
    carrier = carrier_of(rng)
    end.mode = choose(rng, normal=50, send_only=9, recv_only=10, half_open=8, no_shutdown=9, exec=7,
                      crlf=7)
    sent = size_of(rng)
    back = size_of(rng, LARGEST if sent < MIB else MIB)
    if end.mode == "exec":
        sent = back = min(back, 8 * MIB)
        end.input = Input("empty", 0)
    else:
        end.input = input_of(rng, min(sent, MIB) if end.mode == "crlf" else sent,
                             end.mode not in ("recv-only", "crlf"))
    fault = choose(rng, none=45, reset=12, close_early=7, cut=8 * (carrier == "tls"), stop=18,
                   timeout=8, linger=5)
    if fault in ("stop", "timeout"):
        lengthen(rng, end.input)
    sent = end.input.size if end.mode != "recv-only" else 0
    peer = PeerPlan(sends=back)
    end.output = output_of(rng, back if end.mode not in ("send-only", "exec") else 0)
    reading(rng, peer, back if end.mode == "exec" else sent, fault in ("stop", "timeout"))
    if end.mode == "send-only":
        peer.sends = rng.choice([0, 0, back])
    if fault in ("reset", "close-early", "cut"):
        peer.ending = fault
        peer.finishes = fault != "cut" and rng.random() < 0.3
        if fault == "cut" or rng.random() < 0.5:
            peer.after_sent = rng.randint(0, peer.sends)
        else:
            peer.after_received = rng.randint(0, back if end.mode == "exec" else sent)
    elif fault == "stop" and end.mode != "exec":
        if end.input.kind in ("pipe", "slow") and rng.random() < 0.5:
            end.input.kind, end.input.pauses = "held", ()
        stdout = peer.sends if end.output.kind == "pipe" and end.mode != "send-only" else 0
        end.stop = stop_of(rng, {"peer": sent, "stdout": stdout})
        if end.output.close_at is not None:
            end.output.close_at = None
        peer.ending = "late"
        if end.input.kind == "file" and rng.random() < 0.2:
            peer.reads = "late"
            end.stop.seen, end.stop.at = None, rng.uniform(0, 0.4)
    elif fault == "timeout" and end.mode != "exec":
        end.limit = "--timeout"
        end.options = ("--timeout", milliseconds(rng, 100, 600))
        peer.ending = "late"
        peer.reads = rng.choice(["now", "late"])
    elif fault == "linger" and end.mode == "normal" and end.sends_fin_first() and (
            end.input.kind not in FAILING):
        end.limit = "--linger"
        end.options = ("--linger", milliseconds(rng, 200, 500))
        peer.ending = "hold"
        end.output.close_at = None
        peer.stall = peer.pause = 0.0
    else:
        peer.ending = ending_of(rng, end)
    return Plan(seed, kind, carrier, [end], [peer])


def ending_of(rng, end):
    """How a peer ends without a fault, so that neither end waits for the other for ever."""
    if end.mode == "send-only":
        return rng.choice(["hold", "close", "reply"]) if end.sends_fin_first() else "close"
    if end.mode == "no-shutdown" or not end.sends_fin_first() and end.mode == "normal":
        return rng.choice(["answer", "answer", "close"])
    return rng.choice(["close", "reply", "late"]) if end.sends_fin_first() else "close"


def pair(rng, seed):
    """Two sockkit processes."""
    connect, listen = ends = [End("connect"), End("listen")]
    sizes = [size_of(rng), size_of(rng)]
    if max(sizes) > MIB:
        sizes[rng.randrange(2)] = size_of(rng, 64 * KIB)
    fault = choose(rng, none=50, stop=35, timeout=15)
    for end, sent, back in zip(ends, sizes, reversed(sizes)):
        end.mode = choose(rng, normal=60, send_only=7, recv_only=12, half_open=8, no_shutdown=7,
                          crlf=6)
        end.input = input_of(rng, min(sent, MIB) if end.mode == "crlf" else sent,
                             end.mode not in ("recv-only", "crlf"))
    if not connect.sends_fin_first() and not listen.sends_fin_first():
        connect.mode = "normal"
    failing = rng.choice(ends)
    if fault != "none":
        lengthen(rng, failing.input)
    for end, other in ((connect, listen), (listen, connect)):
        sends = other.input.size if other.mode != "recv-only" and end.mode != "send-only" else 0
        end.output = output_of(rng, sends)
        if sends > 6 * MIB and rng.random() < 0.5:
            end.output = Output("pipe", pause=rng.uniform(0.3, 1.0) / (sends / (64 * KIB)))
    end, other = failing, listen if failing is connect else connect
    if fault == "stop":
        if end.input.kind in ("pipe", "slow") and rng.random() < 0.3 and other.sends_fin_first():
            end.input.kind, end.input.pauses = "held", ()
        end.output.close_at = other.output.close_at = None
        seen = {}
        if other.output.kind == "pipe" and end.mode != "recv-only" and other.mode != "send-only":
            seen["peer"] = end.input.size
        if end.output.kind == "pipe" and other.mode != "recv-only" and end.mode != "send-only":
            seen["stdout"] = other.input.size
        end.stop = stop_of(rng, seen)
    elif fault == "timeout":
        end.limit, end.options = "--timeout", ("--timeout", milliseconds(rng, 100, 600))
    return Plan(seed, "pair", carrier_of(rng), ends, [])


def shared(rng, seed):
    """`listen -k` with standard input, and up to four clients."""
    size = size_of(rng)
    end = End("listen", "shared", input_of(rng, size), Output(rng.choice(["pipe", "file"])))
    size = end.input.size
    peers = []
    for number in range(rng.randint(1, 4)):
        peer = PeerPlan(sends=rng.choice([0, 0, rng.randint(1, 64 * KIB)]))
        reading(rng, peer, size)
        # Without a byte of input, the listener waits for its clients to end.
        peer.ending = "late" if size else rng.choice(["close", "answer"])
        if number:
            peer.joins = choose(rng, next=75, after=25)
        if rng.random() < 0.15:
            peer.ending, peer.finishes = rng.choice(["reset", "close-early"]), rng.random() < 0.3
            peer.after_received = rng.randint(0, size)
        peers.append(peer)
    if end.input.kind in ("pipe", "slow", "file") and rng.random() < 0.4:
        if end.input.kind != "file" and rng.random() < 0.6:
            end.input.kind, end.input.pauses = "held", ()
        number = rng.choice([signal.SIGTERM, signal.SIGINT])
        end.stop = Stop(number, "peer", rng.randint(0, size)) if rng.random() < 0.7 else Stop(
            number, None, rng.uniform(0, 0.4)
        )
        for peer in peers:
            if peer.joins == "after":
                peer.joins = "next"
    end.options = ("--grace", f"{rng.randint(3, 8)}s")
    return Plan(seed, "shared", carrier_of(rng), [end], peers)


def sole(rng, seed):
    """A sole client that reads nothing for a while: longer than any limit but that of others."""
    size = rng.randint(8 * MIB, 24 * MIB)
    stall = rng.uniform(6, 9)
    end = End("listen", "shared", Input(rng.choice(["file", "pipe"]), size), Output("file"))
    peer = PeerPlan(ending="late", stall=stall, buffer=64 * KIB)
    return Plan(seed, "shared", carrier_of(rng), [end], [peer], seconds=stall)


def cut_off(rng, seed):
    """A client that never reads, and one that it delays."""
    # So long that neither client can take the rest of it before the other has connected.
    end = End("listen", "shared", Input("file", rng.randint(24 * MIB, 32 * MIB)), Output("file"))
    reader = PeerPlan(ending="late", stall=1.5, buffer=64 * KIB)
    stalled = PeerPlan(ending="late", reads="late", buffer=16 * KIB)
    peers = rng.sample([reader, stalled], 2)
    peers[1].joins = "next"
    return Plan(seed, "shared", rng.choice(["tcp", "tls"]), [end], peers, seconds=CUT_OFF,
                note="cut-off")
