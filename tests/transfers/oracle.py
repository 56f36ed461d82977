"""What every run must satisfy: the rules of "How a connection ends", each as one check.

A check has a name, by which the self-test proves that it can fail.
"""

import signal

from payload import MIB
from peer import CLEAN, RESET
from plan import CUT_OFF, FAILING, PIPES

# An input that pauses for 250 ms after the peer's EOF is not read any more; one that never pauses
# for as long as this is read to its end.
PAUSE = 0.2

# What a TCP socket of a peer can hold, if its plan does not limit it.
BUFFER = 16 * MIB

# A second signal ends sockkit at once: within this, on a machine that is busy.
AT_ONCE = 5.0

# The clock of the 30 s starts when a second client connects, and a count may have grown since.
CUT_OFF_AT_LEAST = CUT_OFF - 3.0

# The names of the checks; the self-test has a lie for each.
CHECKS = {
    "clean-run", "closed-event", "closed-stdout", "crash", "cut-code", "cut-data", "cut-off",
    "deadline", "early-fin", "exact", "exit-0-fin", "exit-0-peer-closed", "exit-0-received",
    "exit-0-sent", "fin", "hang", "input-error", "reset-code", "reset-data", "second-signal",
    "shared-input", "stop-code", "usage",
}

PANIC = ["internal error", "panicked at"]


class Judge:
    def __init__(self, seen, texts):
        self.plan, self.processes, self.peers = seen.plan, seen.processes, seen.peers
        self.texts = texts
        self.is_unix = self.plan.carrier == "unix"
        self.is_tls = self.plan.carrier == "tls"
        self.findings = []
        if seen.problem:
            # Every wait has a deadline: "no deadline overrun", "deadlines everywhere".
            self.add("hang", seen.problem)
        else:
            # A listener whose input fails may end before it listens, and nothing connects then.
            self.processes = [process for process in self.processes if process.code is not None]

    def add(self, check, text):
        assert check in CHECKS, check
        self.findings.append((check, text))

    def require(self, condition, check, text):
        if not condition:
            self.add(check, text)

    def judge(self):
        for process, text in zip(self.processes, self.texts):
            # "Nothing that a peer, a file or a terminal does may cause a panic."
            panic = any(sign in text for sign in PANIC) or process.code == 70
            self.require(not panic, "crash", f"{process.name} has panicked")
            if process.code == 2:
                self.add("usage", f"{process.name}: {text.partition(chr(10))[0]}")
        for peer in self.peers:
            self.require(not peer.error, "hang", f"peer: {peer.error}")
        if self.findings:
            return self.findings
        for process, text in zip(self.processes, self.texts):
            self.common(process, text)
        if self.plan.topology == "pair":
            if len(self.processes) == 2:
                self.pair()
        elif self.plan.topology == "shared":
            self.shared(self.processes[0], self.texts[0])
        elif self.peers:
            self.single(self.processes[0], self.peers[0])
        else:
            self.require(self.processes[0].code != 0, "exit-0-received", "exit 0 without a peer")
        return self.findings

    # How much must have arrived when a stream ends cleanly

    def may_end(self, process, count, finished, fed_at_fin):
        """Whether FIN after `count` bytes, or exit 0, is the truth.

        `finished`: the other end has ended its stream; `fed_at_fin`: what the producer of the input
        had written before.
        """
        end = process.end
        # "The connection is reset in every other case (an input error, …)".
        if end.input.kind in FAILING and end.mode != "recv-only":
            return False
        if count == process.sent.size:
            return True
        # "FIN … is sent when the input ends … and on a stop if the input has ended or one poll
        # finds nothing to read": a file always has something to read.
        if end.input.kind not in PIPES:
            return False
        # What was in the pipe before the signal is there when sockkit looks; --crlf may keep a CR.
        if process.stopped and count >= process.fed_at_stop - (end.mode == "crlf"):
            return True
        # After EOF from the peer, the input is read until it pauses; with --half-open to its end.
        pauses = process.longest_pause >= PAUSE
        return finished and end.mode != "half-open" and pauses and count >= fed_at_fin

    def describe(self, process, count):
        return f"{count} of {process.sent.size} bytes, {process.name} exits {process.code}"

    def struck(self):
        """The faults that have come in time to cut something short."""
        names = {f"peer: {peer.gave_up}" for peer in self.peers if peer.gave_up}
        for process in self.processes:
            end = process.end
            if process.code and end.input.kind in FAILING:
                names.add("input error")
            elif process.stopped and end.stop and not self.has_arrived(process):
                names.add("stop")
            elif process.code == 5 and end.limit == "--timeout" and not self.has_arrived(process):
                names.add("--timeout")
            elif process.code == 5 and end.limit == "--linger":
                names.add("--linger")
            if process.reader and process.reader.closed:
                names.add("closed standard output")
        if self.plan.note:
            names.add(self.plan.note)
        return names

    def has_arrived(self, process):
        """Whether its whole input has arrived at the other end."""
        others = [peer.received for peer in self.peers]
        others += [other.received for other in self.processes if other is not process]
        return all(received.count >= process.sent.size for received in others)

    # Rules for each process

    def common(self, process, text):
        end, code = process.end, process.code
        # Promise 4: "Bytes are exact".
        self.require(process.received.exact, "exact", f"{process.name}: other bytes on stdout")
        if process.stopped:
            self.stopped(process)
        elif code < 0:
            self.add("crash", f"{process.name} ended by signal {-code}")
        # "A deadline" is exit 5; the run may have been complete before it expired. An input that
        # fails first is 8.
        if end.limit and not process.stopped:
            allowed = {5, 0} if end.limit == "--timeout" else {5}
            allowed |= {8} if end.input.kind in FAILING else set()
            allowed |= {4, 6} if self.plan.topology == "pair" else set()
            self.require(code in allowed, "deadline",
                         f"{process.name} exits {code} with {end.options}")
        # An input error is exit 8: "a file … could not be opened or written" or read.
        closed = process.reader and process.reader.closed
        if end.input.kind in FAILING and not self.others_fail(process) and end.mode != "shared":
            allowed = {8, 0} if closed else {8}
            self.require(code in allowed, "input-error", f"{process.name} exits {code}")
        # "Stdout closed by its reader (EPIPE): 0", "without a message".
        if closed and not self.others_fail(process) and (
                end.input.kind not in FAILING):
            self.require(code == 0 and "error:" not in text, "closed-stdout",
                         f"{process.name} exits {code}: {text}")
        # Every client that connected is reported when it disconnects.
        if end.command == "listen" and not (process.stopper and process.stopper.second_at):
            opened, closed = (
                sum(line.startswith(word) for line in text.splitlines())
                for word in ("connected ", "closed ")
            )
            self.require(closed >= opened, "closed-event",
                         f"{opened} clients connected, {closed} closed")

    def others_fail(self, process):
        """Whether anything but the input and the output of `process` can end the run."""
        end = process.end
        return bool(
            process.stopped or end.limit
            or any(other.end.has_fault() or other.stopped or other.end.mode == "send-only"
                   for other in self.processes if other is not process)
            or any(peer.gave_up for peer in self.peers)
        )

    def stopped(self, process):
        """"The exit code is 128 + signal, except where a server ends cleanly"."""
        number, second = process.stopped, process.stopper and process.stopper.second_at
        if process.end.mode != "shared":
            allowed = {0, 128 + number} | ({-number} if second else set())
            allowed |= {8} if process.end.input.kind in FAILING else set()
            # The other end may have failed first.
            allowed |= {4, 6} if self.plan.topology == "pair" else set()
            self.require(process.code in allowed, "stop-code",
                         f"{process.name} exits {process.code} after signal {number}")
        # "A second signal ends sockkit at once."
        if second:
            took = process.ended_at - second
            self.require(took < AT_ONCE, "second-signal", f"{process.name} took {took:.1f} s")

    # One process and a Python peer

    def single(self, process, peer):
        end, code = process.end, process.code
        closed = bool(process.reader and process.reader.closed)
        self.fin(process, peer)
        if code == 0 and not closed:
            self.exit_0(process, peer)
        if not end.has_fault():
            self.without_fault(process, peer, code)

    def fin(self, process, peer):
        """"sockkit's FIN (under TLS, close_notify) means 'the stream is complete'"."""
        self.require(peer.received.exact, "exact", "the peer received other bytes")
        count = peer.received.end() if process.end.mode == "shared" else peer.received.count
        honest = self.may_end(process, count, peer.finished, peer.fed_at_fin)
        # A Unix socket has no reset: there, only the exit code reports the truncation.
        if peer.ended == CLEAN and not self.is_unix:
            self.require(honest, "fin", f"FIN after {self.describe(process, count)}")
        return honest

    def exit_0(self, process, peer):
        end = process.end
        left = process.sent.size - peer.received.count
        # "Exit 0: everything read from the input was sent and acknowledged".
        if peer.gave_up in ("reset", "close"):
            limited = peer.plan.buffer and not self.is_unix
            capacity = 4 * peer.plan.buffer + MIB if limited else BUFFER
            self.require(left <= capacity, "exit-0-sent", f"{left} bytes cannot have arrived")
        else:
            honest = self.may_end(process, peer.received.count, peer.finished, peer.fed_at_fin)
            self.require(honest, "exit-0-sent", self.describe(process, peer.received.count))
            # A stream that ends with exit 0 ends for the peer too: with FIN, or with close_notify.
            if not self.is_unix and peer.ended != CLEAN:
                self.add("exit-0-fin", f"exit 0, but the peer sees {peer.ended}")
        if end.mode == "send-only":
            return
        # "… and the peer closed cleanly".
        clean = peer.finished or (
            peer.gave_up == "close" and not self.is_tls and (self.is_unix or not peer.unread)
        )
        self.require(clean, "exit-0-peer-closed",
                     f"exit 0, but the peer has not ended its stream ({peer.gave_up})")
        # Promise 4: they "exit non-zero if one is missing".
        if end.mode != "exec" and clean:
            got = process.received.count
            self.require(got == peer.sent, "exit-0-received", f"{got} of {peer.sent} bytes printed")

    def without_fault(self, process, peer, code):
        """What only the peer decides: sockkit itself is not stopped, limited or disturbed."""
        mode, gave_up = process.end.mode, peer.gave_up
        prints = mode not in ("send-only", "exec")
        if gave_up and mode == "exec":
            # "--exec: the program's output ended and the peer closed".
            if gave_up in ("reset", "cut") and not peer.finished:
                self.require(code != 0, "reset-code", f"exit 0 after {gave_up}")
        elif mode == "send-only":
            # "sockkit does not wait for the peer to close": if it waited, the run would hang,
            # because the peer does not close before sockkit has ended.
            if not gave_up:
                self.require(code == 0, "clean-run", f"exit {code} without a fault")
        elif gave_up == "reset" or gave_up == "close" and not self.is_unix and peer.unread:
            # "The peer resets: print what arrived, exit 4". If it had ended its stream before,
            # sockkit may have been done.
            allowed = {4, 6} if self.is_tls and gave_up == "close" else {4}
            allowed |= {0} if peer.finished else set()
            # A reset in the middle of the handshake.
            allowed |= {6} if self.is_tls and not peer.sent + peer.received.count else set()
            self.require(code in allowed, "reset-code", f"exit {code} after {gave_up}")
            # A reset that arrives before connect(2) has reported success is a failure to connect:
            # the kernel then reports it in place of the connection.
            text = self.texts[self.processes.index(process)]
            if peer.acknowledged and prints and "cannot connect" not in text:
                got = process.received.count
                self.require(got == peer.sent, "reset-data",
                             f"{got} of {peer.sent} acknowledged bytes printed before the reset")
        elif gave_up == "cut":
            # "TLS is cut short (no close_notify): print what arrived, exit 6".
            self.require(code == 6, "cut-code", f"exit {code}")
            got = process.received.count
            self.require(not prints or got == peer.sent, "cut-data",
                         f"{got} of {peer.sent} bytes printed before the cut")
        elif not gave_up:
            # Without a fault, everything arrives and every process exits with 0.
            self.require(code == 0, "clean-run", f"exit {code} without a fault")
        # "--no-shutdown never sends FIN before the peer closes"; --recv-only has no stream to end;
        # "if a listener's input ends without producing a byte, the listener sends no FIN until the
        # peer closes".
        silent = process.end.command == "listen" and process.sent.size == 0 and (
            mode in ("normal", "half-open", "crlf"))
        if mode in ("no-shutdown", "recv-only") or silent:
            self.require(not peer.early_eof, "early-fin", "FIN before the peer has closed")

    # Two processes

    def pair(self):
        for process, other in (self.processes, reversed(self.processes)):
            count = other.received.count
            honest = other.end.mode == "send-only" or self.may_end(process, count, True, 0)
            text = f"{self.describe(process, count)}, {other.name} exits {other.code}"
            closed = bool(other.reader and other.reader.closed)
            # "The receiver's exit code is non-zero for every truncated stream"; on a Unix socket,
            # that of the sender is.
            if other.code == 0 and not closed and not (self.is_unix and process.code != 0):
                self.require(honest, "exit-0-received", text)
            # "Exit 0: everything … was sent and acknowledged": the receiver may then still fail.
            if process.code == 0 and not (process.reader and process.reader.closed):
                self.require(honest or closed or other.code != 0, "exit-0-sent", text)
            self.pair_without_fault(process, other)

    def pair_without_fault(self, process, other):
        if process.end.has_fault() or process.stopped:
            return
        allowed = {0}
        if other.end.has_fault() or other.stopped:
            # A reset of the other end is 4; under TLS, a missing close_notify is 6.
            allowed |= {4, 6} if self.is_tls else {4}
        elif other.end.mode == "send-only" and (self.is_tls or process.sent.size):
            # The other end is gone before it has received what this one sends.
            allowed |= {4}
        self.require(process.code in allowed, "clean-run",
                     f"{process.name} exits {process.code}, {other.name} exits {other.code}")

    # `listen -k` with standard input

    def shared(self, process, text):
        end, code = process.end, process.code
        good = [peer for peer in self.peers if not peer.gave_up]
        served = []
        for peer in good:
            honest = self.fin(process, peer)
            # A client that was still in the kernel's queue when sockkit stopped was not served.
            if peer.ended != CLEAN and peer.received.count == 0 and end.stop:
                continue
            served.append((peer, honest and (peer.ended == CLEAN or self.is_unix)))
            if code == 0:
                # Each client sends its own byte. Exit 0: none of them is missing.
                number = self.peers.index(peer)
                got = process.received.values[number]
                self.require(got == peer.sent, "exit-0-received",
                             f"{got} of {peer.sent} bytes of client {number} printed")
            # "If a listener's input ends without producing a byte, the listener sends no FIN until
            # the peer closes."
            if process.sent.size == 0 and not end.stop and end.input.kind not in FAILING:
                self.require(not peer.early_eof, "early-fin", "FIN before the client has closed")
        complete = all(is_complete for _, is_complete in served)
        if self.plan.note == "cut-off":
            self.cut_off(process, text)
        elif end.input.kind in FAILING:
            # "`listen -k` whose standard input fails exits with 8". Without a client, the input is
            # not read: the stop may come before the error.
            allowed = {8} if good else {8, 0, 128 + signal.SIGTERM}
            self.require(code in allowed, "input-error", f"exit {code} after an input error")
        elif end.stop:
            # "listen -k that is stopped: 0, if no client was cut off".
            self.require(complete or code != 0, "exit-0-sent", "exit 0, but a client was cut off")
            if complete and self.peers and len(served) == len(self.peers) and not self.is_unix:
                self.require(code == 0, "clean-run", f"exit {code}, but no client was cut off")
        else:
            # "Every client gets every byte from the moment it connects"; "a sole client is never
            # cut off"; "the input is read at the pace of the slowest client".
            for peer, is_complete in served:
                number = self.peers.index(peer)
                self.require(is_complete, "shared-input",
                             f"client {number} sees {peer.ended} after {peer.received.count}"
                             f" of {process.sent.size} bytes")
            # What a client that closed early does to the exit code is not defined.
            if complete and len(good) == len(self.peers):
                self.require(code == 0, "clean-run", f"exit {code} after a clean stop")

    def cut_off(self, process, text):
        """"A client whose count has not grown for 30 s while it delays others is cut off: its
        connection is reset, sockkit prints a warning, and the final exit code is 9"."""
        for peer in self.peers:
            is_stalled = peer.plan.reads == "late"
            expected = RESET if is_stalled else CLEAN
            self.require(peer.ended == expected, "cut-off",
                         f"{'stalled' if is_stalled else 'other'} client sees {peer.ended}")
        self.require(process.code == 9, "cut-off", f"exit {process.code}")
        self.require("warning:" in text, "cut-off", "no warning")
        took = process.ended_at - process.started_at
        self.require(took >= CUT_OFF_AT_LEAST, "cut-off", f"after {took:.1f} s")


# What struck() can name; in 200 runs, each of them must have struck.
FAULTS = {
    "peer: reset", "peer: close", "peer: cut", "input error", "stop", "--timeout", "--linger",
    "closed standard output", "cut-off",
}


def judge(seen, texts):
    """The findings, and the faults that have struck."""
    judge = Judge(seen, texts)
    return judge.judge(), judge.struck()
