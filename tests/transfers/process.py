"""One sockkit process of a transfer: its standard input, its standard output, and its end."""

import ctypes
import mmap
import os
import pathlib
import socket
import subprocess
import threading
import time

from payload import Receiver

# How much a fast producer or reader of a pipe moves at once.
PIECE = 64 * 1024

# Between two checks whether the port file exists, or whether it is time for a signal.
POLL = 0.002


# The processes that run, for a script that is itself stopped.
RUNNING = set()


class Hang(Exception):
    """A process did not end, or did not listen, before the deadline."""


class Feeder(threading.Thread):
    """Writes standard input into a pipe, and knows how much it has written."""

    def __init__(self, descriptor, payload, plan, deadline):
        super().__init__(daemon=True)
        self.payload, self.plan, self.deadline = payload, plan, deadline
        self.descriptor = descriptor
        self.written = 0
        self._longest = 0.0
        self._last = time.monotonic()
        self.release = threading.Event()

    def run(self):
        pauses = self.plan.pauses
        pieces = max(len(pauses), 1)
        step = PIECE if not pauses else max(-(-self.payload.size // pieces), 1)
        try:
            while self.written < self.payload.size:
                if pauses:
                    time.sleep(pauses[min(self.written // step, pieces - 1)])
                for_piece = min(self.written + step, self.payload.size)
                while self.written < for_piece:
                    piece = self.payload.piece(self.written, min(PIECE, for_piece - self.written))
                    self._longest = self.longest_pause()
                    self.written += os.write(self.descriptor, piece)
                    self._last = time.monotonic()
            while self.plan.kind == "held" and not self.release.wait(POLL * 10):
                if time.monotonic() > self.deadline:
                    break
        except OSError:
            pass  # sockkit does not read it any more
        os.close(self.descriptor)

    def longest_pause(self):
        """The longest time until now in which the pipe may have been empty."""
        return max(self._longest, time.monotonic() - self._last)


class Reader(threading.Thread):
    """Reads standard output from a pipe, and compares it with what is expected."""

    def __init__(self, descriptor, received, plan):
        super().__init__(daemon=True)
        self.descriptor, self.received, self.plan = descriptor, received, plan
        self.closed = False  # before EOF, as the plan says

    def run(self):
        limit = self.plan.close_at
        while True:
            if limit is not None and self.received.count >= limit:
                self.closed = True
                break
            piece = PIECE if limit is None else min(PIECE, limit - self.received.count)
            data = os.read(self.descriptor, piece)
            if not data:
                break
            self.received.add(data)
            if self.plan.pause:
                time.sleep(self.plan.pause)
        os.close(self.descriptor)


class Counts:
    """Counts bytes by value: for a standard output into which several clients are printed."""

    def __init__(self):
        self.count = 0
        self.values = [0] * 256
        self.exact = True

    def add(self, data):
        self.count += len(data)
        for value in set(data):
            self.values[value] += data.count(value)


class Process:
    """sockkit with the options, the standard input and the standard output of `end`."""

    def __init__(self, sockkit, end, folder, name, payload, expects, deadline):
        self.sockkit, self.end, self.deadline = sockkit, end, deadline
        self.folder, self.name = pathlib.Path(folder), name
        self.payload = payload
        self.received = expects if isinstance(expects, Counts) else Receiver(expects)
        self.feeder = self.reader = self.output = None
        self.process = None
        self.arguments = []
        self.code = None
        self.stopped = None  # the first signal that was sent
        self.fed_at_stop = 0
        self.stopper = None
        self.longest_pause = 0.0  # of its input
        self.started_at = self.ended_at = time.monotonic()
        self._resources = []

    def start(self, arguments, env=None):
        self.arguments = arguments
        command = [*self.sockkit, *arguments]
        if self.end.input.kind == "closed":
            command = ["sh", "-c", 'exec "$0" "$@" <&-', *command]
        stdin = self._open_input()
        if self.end.output.kind == "file":
            self.output = stdout = os.memfd_create("stdout")
        else:
            read, stdout = os.pipe()
            self.reader = Reader(read, self.received, self.end.output)
        with open(self._stderr(), "wb") as stderr:
            self.process = subprocess.Popen(
                command, stdin=stdin, stdout=stdout, stderr=stderr, cwd=self.folder,
                env={**os.environ, "RUST_BACKTRACE": "0", **(env or {})},
            )
        RUNNING.add(self.process)
        os.close(stdin)
        if self.reader:
            os.close(stdout)
            self.reader.start()
        if self.feeder:
            self.feeder.start()

    def _open_input(self):
        kind = self.end.input.kind
        if kind in ("pipe", "slow", "held"):
            stdin, write = os.pipe()
            self.feeder = Feeder(write, self.payload, self.end.input, self.deadline)
            return stdin
        if kind == "directory":
            return os.open("/", os.O_RDONLY)
        if kind in ("empty", "closed"):
            return os.open(os.devnull, os.O_RDONLY)
        stdin = os.memfd_create("stdin")
        written = 0
        while written < self.payload.size:
            written += os.write(stdin, self.payload.piece(written, 1 << 30))
        os.lseek(stdin, 0, os.SEEK_SET)
        return self._failing(stdin) if kind == "failing" else stdin

    def _failing(self, file):
        """A descriptor from which the bytes of `file`, whole pages, can be read, and then EIO.

        It reads the memory of this process at the place where the file is mapped: beyond the end of
        the file there is no page.
        """
        size = self.payload.size
        os.ftruncate(file, size + mmap.PAGESIZE)
        memory = mmap.mmap(file, size + mmap.PAGESIZE)
        os.ftruncate(file, size)
        os.close(file)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self._resources.append(memory)
        stdin = os.open("/proc/self/mem", os.O_RDONLY)
        os.lseek(stdin, address, os.SEEK_SET)
        return stdin

    def _stderr(self):
        return self.folder / f"{self.name}.stderr"

    def stderr(self):
        return self._stderr().read_text(errors="replace") if self._stderr().exists() else ""

    def has_ended(self):
        return self.process.poll() is not None

    def port(self):
        """The port on which it listens, or None if it has ended."""
        file = self.folder / "port"
        while not file.exists():
            if self.has_ended():
                return None
            if time.monotonic() > self.deadline:
                raise Hang(f"{self.name} does not listen")
            time.sleep(POLL)
        return int(file.read_text())

    def connection(self, address, buffer):
        """A connection to it, or None if it does not listen any more."""
        stream = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        stream.settimeout(max(self.deadline - time.monotonic(), POLL))
        if buffer:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        try:
            stream.connect(address)
            return stream
        except TimeoutError as error:
            raise Hang(f"{self.name} does not accept a client") from error
        except OSError:
            stream.close()
            return None

    def stop(self, number):
        """Sends a signal, unless it has ended."""
        if self.has_ended():
            return False
        if self.stopped is None:
            self.fed_at_stop = self.feeder.written if self.feeder else 0
            self.stopped = number
        self.process.send_signal(number)
        return True

    def wait(self):
        """Waits for the end, and for the last bytes of standard output."""
        try:
            self.code = self.process.wait(max(self.deadline - time.monotonic(), POLL))
        except subprocess.TimeoutExpired as error:
            raise Hang(f"{self.name} did not end") from error
        self.longest_pause = self.feeder.longest_pause() if self.feeder else 0.0
        self.ended_at = time.monotonic()
        if self.reader:
            self.reader.join(max(self.deadline - time.monotonic(), POLL))
            if self.reader.is_alive():
                raise Hang(f"a process holds the standard output of {self.name}")
        elif self.output is not None:
            os.lseek(self.output, 0, os.SEEK_SET)
            while data := os.read(self.output, 1 << 20):
                self.received.add(data)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        RUNNING.discard(self.process)
        if self.feeder:
            self.feeder.release.set()
        if self.output is not None:
            os.close(self.output)
            self.output = None
