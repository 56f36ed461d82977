"""The scenarios of enumerate.py: sockkit, and what runs at the other end of its connection."""

import os
import pathlib
import select
import signal
import socket
import ssl
import subprocess
import time

# A run normally takes 0.05 s, and 1 s if it waits for a delay of its own. One that takes longer
# than this hangs.
DEADLINE = 10.0

# Between two checks whether the port file exists: short, because most runs wait for it.
POLL = 0.002

# More than sockkit reads at once, and more than the receive buffer of a socket holds at first.
STREAM = bytes(range(256)) * 1200

# Fits into a pipe, so that one thread can write it before it starts to read.
SHORT = bytes(range(256)) * 200


# A server may lose a signal, because signal-hook ignores an error of the write in its signal handler:
# once for each thread. The signal is repeated after this long, if the server does not say that it
# has received it.
SIGNAL_TIMEOUT = 1.0
STOPPING = "stopping"

# How a server says that it goes on without a client that it could not accept.
RETRYING = "cannot accept connections"


class Hang(Exception):
    """sockkit did not end, or did not answer, before the deadline."""


class Run:
    """One run of sockkit in a folder of its own, and what its peer needs."""

    def __init__(self, sockkit, prefix, folder, certificate):
        self.sockkit = sockkit
        self.prefix = prefix
        self.folder = pathlib.Path(folder)
        self.certificate = certificate
        self.deadline = time.monotonic() + DEADLINE
        self.terminated = False
        self.process = None
        self.status = None

    def remaining(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Hang
        return left

    def start(self, arguments, stdin=b"", pipe=False):
        """Starts sockkit. Standard input is a file, or a pipe."""
        self.arguments = [self.sockkit, *arguments]
        (self.folder / "stdin").write_bytes(stdin)
        with (
            open(self.folder / "stdin", "rb") as source,
            open(self.folder / "stdout", "wb") as stdout,
            open(self.folder / "stderr", "wb") as stderr,
        ):
            self.process = subprocess.Popen(
                [*self.prefix, *self.arguments],
                stdin=subprocess.PIPE if pipe else source,
                stdout=subprocess.PIPE if pipe else stdout,
                stderr=stderr,
                cwd=self.folder,
                env={**os.environ, "RUST_BACKTRACE": "0"},
            )
        self.ended = os.pidfd_open(self.process.pid)
        if pipe:
            try:
                self.process.stdin.write(stdin)
                self.process.stdin.close()
            except BrokenPipeError:
                pass
            self.process.stdin = None  # communicate() would flush it

    def accept(self, listener):
        """The connection of sockkit, or None if it has ended without one."""
        if not select.select([listener, self.ended], [], [], self.remaining())[0]:
            raise Hang
        if not select.select([listener], [], [], 0)[0]:
            return None
        return self.limited(listener.accept()[0])

    def connect(self):
        """A connection to sockkit, or None if it does not listen."""
        port_file = self.folder / "port"
        while not port_file.exists():
            if select.select([self.ended], [], [], POLL)[0]:
                return None
            self.remaining()
        try:
            address = ("127.0.0.1", int(port_file.read_text()))
            return self.limited(socket.create_connection(address, self.remaining()))
        except TimeoutError as error:
            raise Hang from error
        except (OSError, ValueError):
            return None

    def limited(self, stream):
        stream.settimeout(self.remaining())
        return stream

    def terminate(self):
        self.terminated = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait(self):
        """Waits for sockkit to end, and returns its standard output."""
        while self.terminated and not select.select([self.ended], [], [], SIGNAL_TIMEOUT)[0]:
            if STOPPING in self.stderr():
                break
            self.remaining()
            self.terminate()
        if not select.select([self.ended], [], [], self.remaining())[0]:
            raise Hang
        if self.process.stdout:
            output = self.process.communicate()[0]
        else:
            output = (self.folder / "stdout").read_bytes()
        self.status = self.process.wait()
        return output

    def waits_for_clients(self):
        """Whether a server has said that it waits for other clients, and a signal ends it."""
        self.terminate()
        ended = select.select([self.ended], [], [], SIGNAL_TIMEOUT)[0]
        return ended and RETRYING in self.stderr()

    def stderr(self):
        return (self.folder / "stderr").read_text(errors="replace")

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process:
            os.close(self.ended)


def receive(stream):
    """Reads until EOF. Returns the bytes, and whether the stream ended cleanly."""
    data = bytearray()
    try:
        while piece := stream.recv(65536):
            data += piece
    except TimeoutError as error:
        raise Hang from error
    except OSError:
        return bytes(data), False
    return bytes(data), True


def receive_line(stream):
    """Reads up to the end of a line, or of the stream."""
    data = b""
    try:
        while not data.endswith(b"\n") and (piece := stream.recv(1)):
            data += piece
    except TimeoutError as error:
        raise Hang from error
    except OSError:
        pass
    return data


def send(stream, data, shutdown=True):
    """Sends `data`, as far as the other end takes it."""
    try:
        stream.sendall(data)
        if shutdown:
            stream.shutdown(socket.SHUT_WR)
    except TimeoutError as error:
        raise Hang from error
    except OSError:
        pass


def listening():
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, str(listener.getsockname()[1])


# The scenarios. Each returns whether sockkit reported a success, and whether it is confirmed.


def connect_pipe(run):
    listener, port = listening()
    with listener:
        run.start(["connect", "127.0.0.1", port], SHORT, pipe=True)
        received = b""
        if stream := run.accept(listener):
            with stream:
                received, _ = receive(stream)
                send(stream, SHORT)
    output = run.wait()
    return run.status == 0, received == output == SHORT


def connect_send_only(run):
    listener, port = listening()
    with listener:
        run.start(["connect", "127.0.0.1", port, "--send-only"], STREAM)
        received = b""
        if stream := run.accept(listener):
            with stream:
                received, _ = receive(stream)
    run.wait()
    return run.status == 0, received == STREAM


def connect_receive(run):
    listener, port = listening()
    with listener:
        run.start(["connect", "127.0.0.1", port, "--recv-only"])
        if stream := run.accept(listener):
            with stream:
                send(stream, STREAM)
                receive(stream)
    output = run.wait()
    return run.status == 0, output == STREAM


def connect_script(run):
    listener, port = listening()
    with listener:
        run.start(["connect", "127.0.0.1", port, "--expect", "^220 ", "--send", "QUIT\\r\\n"])
        received = b""
        if stream := run.accept(listener):
            with stream:
                send(stream, b"220 ready\r\n", shutdown=False)
                received = receive_line(stream)
                send(stream, b"221 bye\r\n")
                receive(stream)
    run.wait()
    return run.status == 0, received == b"QUIT\r\n"


def connect_tls(run):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(run.certificate / "cert.pem", run.certificate / "key.pem")
    listener, port = listening()
    with listener:
        run.start(["connect", "127.0.0.1", port, "--tls", "--insecure"], SHORT)
        received = b""
        try:
            if stream := run.accept(listener):
                with context.wrap_socket(stream, server_side=True) as tls:
                    received, _ = receive(tls)
                    send(tls, SHORT, shutdown=False)
                    tls.unwrap()
        except TimeoutError as error:
            raise Hang from error
        except OSError:
            pass
    output = run.wait()
    return run.status == 0, received == output == SHORT


def connect_unix(run):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(run.folder / "socket"))
        listener.listen()
        run.start(["connect", "unix:socket"], SHORT)
        received = b""
        if stream := run.accept(listener):
            with stream:
                received, _ = receive(stream)
                send(stream, SHORT)
    output = run.wait()
    return run.status == 0, received == output == SHORT


def connect_udp(run):
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        port = str(peer.getsockname()[1])
        run.start(["connect", "--udp", "127.0.0.1", port, "--linger", "300ms"], b"ping")
        received = b""
        select.select([peer, run.ended], [], [], run.remaining())
        if select.select([peer], [], [], 0)[0]:
            received, sender = peer.recvfrom(65536)
            peer.sendto(b"pong", sender)
        output = run.wait()
    return run.status == 0, received == b"ping" and output == b"pong"


def listen_receive(run):
    run.start(["listen", "0", "--port-file", "port"])
    if stream := run.connect():
        with stream:
            send(stream, STREAM)
            receive(stream)
    output = run.wait()
    return run.status == 0, output == STREAM


def listen_send(run):
    run.start(["listen", "0", "--port-file", "port"], STREAM)
    received = b""
    if stream := run.connect():
        with stream:
            received, _ = receive(stream)
    run.wait()
    return run.status == 0, received == STREAM


# A server goes on when a connection fails, and its exit code does not tell it. The client of a
# failed connection must be reset; one that was closed cleanly must have been served completely.


def listen_keep_open(run):
    run.start(["listen", "0", "--port-file", "port", "--keep-open"])
    served = 0
    for _ in range(2):
        if stream := run.connect():
            with stream:
                send(stream, SHORT)
                served += receive(stream)[1]
    run.terminate()
    output = run.wait()
    return run.status == 0, output.count(SHORT) >= served


def echo_server(run):
    run.start(["echo-server", "0", "--port-file", "port"])
    complete = True
    for _ in range(2):
        if stream := run.connect():
            with stream:
                send(stream, SHORT)
                received, closed = receive(stream)
                complete &= received == SHORT or not closed
    run.terminate()
    run.wait()
    return run.status == 0, complete


def login_server(run):
    run.start(["login-server", "0", "--port-file", "port", "--log", "log", "--once"])
    reply = b""
    if stream := run.connect():
        with stream:
            send(stream, b"alice\r\nsecret\r\n", shutdown=False)
            reply, _ = receive(stream)
    run.wait()
    log = run.folder / "log"
    records = log.read_text(errors="replace").splitlines() if log.exists() else []
    recorded = sum('user="alice" password="secret"' in record for record in records) == 1
    return b"OK" in reply or run.status == 0, recorded


def login(run):
    listener, port = listening()
    with listener:
        arguments = ["login", "127.0.0.1", port, "--user", "alice", "--password-stdin"]
        run.start(arguments, b"secret\n")
        received = b""
        if stream := run.accept(listener):
            with stream:
                send(stream, b"Username: ", shutdown=False)
                received = receive_line(stream)
                send(stream, b"Password: ", shutdown=False)
                received += receive_line(stream)
                send(stream, b"OK recorded\r\n")
                receive(stream)
    run.wait()
    return run.status == 0, received.splitlines() == [b"alice", b"secret"]


SCENARIOS = {
    "connect-pipe": connect_pipe,
    "connect-send-only": connect_send_only,
    "connect-receive": connect_receive,
    "connect-script": connect_script,
    "connect-tls": connect_tls,
    "connect-unix": connect_unix,
    "connect-udp": connect_udp,
    "listen-receive": listen_receive,
    "listen-send": listen_send,
    "listen-keep-open": listen_keep_open,
    "echo-server": echo_server,
    "login-server": login_server,
    "login": login,
}
