"""The Python peer of a transfer: one connection, plain or TLS, with the faults of its plan."""

import fcntl
import select
import socket
import ssl
import struct
import termios
import threading
import time

from payload import Receiver

# What one call reads or sends at most.
PIECE = 256 * 1024

# The longest wait before the peer looks again whether it may go on.
TICK = 0.02

# How long a peer waits for the acknowledgement of what it has sent before it resets.
ACKNOWLEDGED = 3.0

# A peer that must not receive EOF yet waits this long for it.
EARLY_EOF = 0.15

# How the stream of the other end ended, as a peer sees it.
CLEAN = "clean"  # FIN; under TLS, close_notify
CUT = "cut"  # under TLS, FIN without close_notify
RESET = "reset"


class Peer(threading.Thread):
    """Sends and receives as `plan` says, and notes what it sees."""

    def __init__(self, stream, plan, sends, expects, deadline, context=None, server=False,
                 middle=False, feeder=None):
        super().__init__(daemon=True)
        self.stream, self.plan, self.sends, self.deadline = stream, plan, sends, deadline
        self.is_tcp = stream.family != socket.AF_UNIX
        self.feeder = feeder
        self.received = Receiver(expects, middle)
        self.sent = 0  # bytes that the other end can receive
        self.finished = False  # this peer has ended its stream with FIN or close_notify
        self.gave_up = None  # "reset", "close" or "cut", if this peer has done so
        self.unread = 0  # bytes in the receive buffer when it gave up
        self.acknowledged = False  # everything it sent was acknowledged before it reset
        self.ended = None  # CLEAN, CUT or RESET
        self.early_eof = False  # it saw the end before it had ended its own stream
        self.fed_at_fin = 0  # what the producer of the input had written when it did
        self.lost = False  # a send has failed
        self.release = threading.Event()  # sockkit has ended
        self.error = None
        self._answer_at = 0.0
        self._out = b""
        self._clear = 0  # bytes of the stream that `_out` holds encrypted
        self._raw_eof = False
        self._was_reset = False
        self._begun = time.monotonic()
        self._read_at = self._begun + plan.stall
        self._tls = None
        if context:
            self._in_bio, self._out_bio = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = context.wrap_bio(self._in_bio, self._out_bio, server_side=server)
            self._handshake = True
        else:
            self._handshake = False

    def run(self):
        self.stream.setblocking(False)
        try:
            while not self._step():
                if time.monotonic() > self.deadline:
                    self.error = "the peer was not done before the deadline"
                    break
        except Exception as error:  # a fault of this script: the run must report it
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self.stream.close()

    def shakes_hands(self):
        return self._handshake

    def state(self):
        return (f"a peer has sent {self.sent} of {self.sends.size} bytes, received"
                f" {self.received.count} of {self.received.expected.size}, and sees"
                f" {self.ended or 'no end'}")

    # One turn: send what can be sent, end what is due, wait, receive. True at the end.

    def _step(self):
        plan = self.plan
        if self._handshake:
            return self._shake()
        if self._gives_up():
            return True
        may_send = not self.finished and not self.lost and self._may_send()
        if may_send and not self._out and self.sent < self.sends.size:
            self._encrypt(self.sends.piece(self.sent, self._allowance()))
        if may_send and not self._out and self.sent == self.sends.size and self._may_finish():
            self._finish()
        if self.ended and not self._out and (self.finished or self.lost or plan.ending == "hold"):
            return plan.ending != "hold" or self.release.wait(TICK)
        if self.lost and self.finished and plan.ending == "hold":
            return self.release.wait(TICK)
        self._poll()
        return False

    def _may_send(self):
        ending = self.plan.ending
        if ending == "reply":
            return self.ended is not None
        if ending == "answer":
            # It may answer only when it has the request, and has waited for an early EOF.
            if self.received.count < self.received.expected.size and not self.ended:
                return False
            self._answer_at = self._answer_at or time.monotonic() + EARLY_EOF
            return time.monotonic() >= self._answer_at
        return True

    def _may_finish(self):
        if self.plan.ending == "hold":
            return False
        if self.plan.ending in ("reset", "close-early", "cut"):
            return self.plan.finishes or self.ended is not None
        if self.plan.ending == "late":  # it ends its stream only when sockkit has been stopped
            return self.release.is_set() or self.ended is not None
        return True

    def _allowance(self):
        limit = self.plan.after_sent
        return PIECE if limit is None else min(PIECE, max(limit - self.sent, 0))

    def _finish(self):
        self.fed_at_fin = self.feeder.written if self.feeder else 0
        if self._tls:
            try:
                self._tls.unwrap()
            except ssl.SSLWantReadError:
                pass
            self._out += self._out_bio.read()
        else:
            try:
                self.stream.shutdown(socket.SHUT_WR)
            except OSError:
                self._failed_to_send()
                return
        self.finished = True

    def _gives_up(self):
        """Resets or closes, if the plan says so. True if the connection is gone."""
        plan = self.plan
        sent = plan.after_sent is not None and self.sent >= plan.after_sent and not self._out
        received = plan.after_received is not None and self.received.count >= plan.after_received
        if self.lost or self.gave_up or not (sent or received):
            return False
        if plan.ending == "cut":
            self.gave_up = "cut"
            self.stream.shutdown(socket.SHUT_WR)
            self.lost = True  # it sends nothing more, but reads how the other end reacts
            return False
        if plan.ending == "reset" and self.is_tcp:
            self.acknowledged = self._is_acknowledged()
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.gave_up = "reset"
        else:
            self.unread = self._count(termios.FIONREAD)
            self.gave_up = "close"
        return True

    def _is_acknowledged(self):
        limit = time.monotonic() + ACKNOWLEDGED
        while time.monotonic() < limit:
            if self._count(termios.TIOCOUTQ) == 0:
                return True
            time.sleep(TICK / 10)
        return False

    def _count(self, request):
        return struct.unpack("i", fcntl.ioctl(self.stream, request, b"\0\0\0\0"))[0]

    # Bytes

    def _shake(self):
        try:
            self._tls.do_handshake()
            self._handshake = False
            self._decrypt()  # what has arrived together with the handshake
        except ssl.SSLWantReadError:
            if self._raw_eof:
                self.ended, self.lost = RESET, True
                return True
        except ssl.SSLError:
            self.ended, self.lost = RESET, True
            return True
        self._out += self._out_bio.read()
        self._poll(handshake=True)
        return False

    def _encrypt(self, piece):
        if self._tls and piece:
            self._tls.write(piece)
            self._out = self._out_bio.read()
            self._clear = len(piece)
        elif piece:
            self._out = piece

    def _poll(self, handshake=False):
        now = time.monotonic()
        reading = not self._raw_eof and (handshake or self._may_read(now))
        events = (select.POLLIN if reading else 0) | (select.POLLOUT if self._out else 0)
        if not events:
            time.sleep(TICK if not self._read_at > now else min(TICK, self._read_at - now))
            return
        poll = select.poll()
        poll.register(self.stream, events)
        ready = poll.poll(TICK * 1000)
        if not ready:
            return
        happened = ready[0][1]
        if self._out and happened & ~select.POLLIN:
            self._write()
        if reading and happened & ~select.POLLOUT:
            self._read()
        elif not reading and happened & (select.POLLERR | select.POLLHUP):
            time.sleep(TICK)

    def _may_read(self, now):
        if self.plan.reads == "late" and not self.release.is_set():
            return False
        return not self.ended and now >= self._read_at

    def _write(self):
        try:
            count = self.stream.send(self._out)
        except BlockingIOError:
            return
        except OSError as error:
            self._was_reset |= isinstance(error, ConnectionResetError)
            self._failed_to_send()
            return
        self._out = self._out[count:]
        if self._tls and not self._out:
            self.sent += self._clear
            self._clear = 0
        elif not self._tls:
            self.sent += count

    def _failed_to_send(self):
        self._out = b""
        self.lost = True

    def _read(self):
        plan = self.plan
        try:
            data = self.stream.recv(min(plan.piece, PIECE))
        except BlockingIOError:
            return
        except OSError:
            self._was_reset = True
            data = b""
        if plan.pause:
            self._read_at = time.monotonic() + plan.pause
        if not data:
            self._raw_eof = True
        if not self._tls:
            if data:
                self.received.add(data)
            else:
                # A failed send takes the error away, and EOF is what recv then reports.
                self._end(RESET if self._was_reset else CLEAN)
            return
        if data:
            self._in_bio.write(data)
        else:
            self._in_bio.write_eof()
        if not self._handshake:
            self._decrypt()

    def _end(self, ended):
        self.ended = ended
        self.early_eof = ended == CLEAN and not self.finished

    def _decrypt(self):
        try:
            while data := self._tls.read(PIECE):
                self.received.add(data)
            self._end(CLEAN)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._end(CLEAN)
        except ssl.SSLError:
            self._end(RESET if self._was_reset else CUT)
            self.lost = True
