#!/usr/bin/env python3
"""A small stand-in for `sockkit connect` and `sockkit listen` that lies, for the self-test.

The environment variable LIE names the lie; without it, the stand-in is honest, as far as the
self-test needs it: one connection, whose whole input fits into the memory.
"""

import fcntl
import os
import signal
import socket
import ssl
import struct
import sys
import termios
import threading
import time

LIE = os.environ.get("LIE", "")
ARGUMENTS = sys.argv[1:]


def option(name):
    return ARGUMENTS[ARGUMENTS.index(name) + 1] if name in ARGUMENTS else None


class End:
    def __init__(self):
        self.stream = None
        self.tls = None
        self.sent_all = threading.Event()
        self.lock = threading.Lock()
        self.waiting = b""
        self.count = 0  # of signals
        self.was_reset = False

    def note(self, text):
        print(text, file=sys.stderr, flush=True)

    def leave(self, code):
        """Ends the process: with a reset, if something is wrong."""
        with self.lock:  # only one thread ends it
            if self.stream:
                if LIE == "reset-at-end" or code and LIE != "fin-on-failure":
                    linger = struct.pack("ii", 1, 0)
                    self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                if LIE != "no-closed-event" and ARGUMENTS[0] == "listen":
                    self.note("closed the client")
                if LIE == "panic":
                    self.note("thread 'main' panicked at src/main.rs:1:1")
            if LIE == "exit-0":
                code = 0
            if LIE == "exit-1":
                code = 1
            os._exit(code)

    def connect(self):
        self.stream = socket.create_connection((ARGUMENTS[1], int(ARGUMENTS[2])))
        if "--tls" in ARGUMENTS:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.tls = context.wrap_socket(self.stream, suppress_ragged_eofs=False)
            self.stream = self.tls

    def listen(self):
        listener = socket.create_server(("127.0.0.1", 0))
        with open("port.new", "w") as file:
            file.write(str(listener.getsockname()[1]))
        os.rename("port.new", "port")
        self.stream = listener.accept()[0]
        self.note("connected the client")

    def send(self):
        empty = True
        try:
            data = b""
            while piece := os.read(0, 65536):
                data += piece
                if LIE != "truncate":
                    self.sendall(piece)
                empty = False
            if LIE == "truncate":
                self.sendall(data[:len(data) // 2])
        except (BrokenPipeError, ConnectionResetError):
            self.was_reset = True  # what has arrived must still be printed
            self.sent_all.set()
            return
        except OSError:
            self.leave(8)
        silent = empty and ARGUMENTS[0] == "listen" or "--no-shutdown" in ARGUMENTS
        if LIE != "reset-at-end" and (not silent or LIE == "early-fin") and not self.tls:
            self.stream.shutdown(socket.SHUT_WR)
        if "--send-only" in ARGUMENTS:
            while fcntl.ioctl(self.stream, termios.TIOCOUTQ, b"\0" * 4) != b"\0" * 4:
                time.sleep(0.01)
            self.leave(0)
        self.sent_all.set()

    def sendall(self, data):
        if LIE == "flip" and data:
            data = bytes([data[0] ^ 1]) + data[1:]
        self.stream.sendall(data)

    def print(self, data):
        if LIE == "drop-output":
            self.waiting += data
            data, self.waiting = self.waiting[:-1], self.waiting[-1:]
        if LIE == "print-late":
            self.waiting += data
            return
        try:
            while data:
                data = data[os.write(1, data):]
        except BrokenPipeError:
            self.leave(0)

    def receive(self):
        try:
            while data := self.stream.recv(65536):
                self.print(data)
        except ssl.SSLError:
            self.leave(6)
        except OSError:
            self.leave(4)

    def run(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        if limit := option("--timeout"):
            timer = threading.Timer(float(limit.removesuffix("ms")) / 1000, self.leave, [5])
            timer.daemon = True
            timer.start()
        self.connect() if ARGUMENTS[0] == "connect" else self.listen()
        if LIE == "hang":
            time.sleep(3600)
        if self.tls:
            self.send()
        else:
            threading.Thread(target=self.send, daemon=True).start()
        if LIE == "no-wait":
            self.sent_all.wait()
            self.leave(0)
        self.receive()
        self.sent_all.wait()
        if self.was_reset:
            self.leave(4)
        if LIE == "print-late":
            os.write(1, self.waiting)
        while "--keep-open" in ARGUMENTS and not self.count:
            time.sleep(0.01)
        self.leave(0)

    def stop(self, number, _):
        self.count += 1
        if LIE == "ignore-second":
            if self.count == 1:
                threading.Timer(2.0, self.leave, [128 + number]).start()
        elif "--keep-open" not in ARGUMENTS:
            self.leave(128 + number)


if LIE == "usage":
    sys.exit(2)
End().run()
