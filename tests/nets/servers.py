"""The servers in a network: DNS over UDP and TCP, and the server to which the path leads."""

import contextlib
import ipaddress
import socket
import ssl
import struct
import threading
import time

A, AAAA, NS = 1, 28, 2
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3

# The longest that a server waits for a client.
PATIENCE = 30

# Larger than the MTU of the smallest link, and smaller than that of an ordinary one.
LARGE_GREETING = b"220 " + b"x" * 1300 + b"\r\n"


def listening(machine, family, kind, address):
    """A socket that is bound on `machine`, and listens if it is a stream socket."""
    with machine.entered():
        sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(address)
    if kind == socket.SOCK_STREAM:
        sock.listen(64)
    return sock


def family_of(ip):
    return socket.AF_INET if ipaddress.ip_address(ip).version == 4 else socket.AF_INET6


def spawn(work, *arguments):
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


class Dns:
    """A DNS server. `says` is "right", "silent", "tcp", "failing", "nxdomain" or "lying"."""

    def __init__(self, machine, ips, name, addresses, lies, on_query):
        self.name, self.addresses, self.lies = name, addresses, lies
        self.says, self.on_query = "right", on_query
        self.delay = 0
        for ip in ips:
            udp = listening(machine, family_of(ip), socket.SOCK_DGRAM, (ip, 53))
            tcp = listening(machine, family_of(ip), socket.SOCK_STREAM, (ip, 53))
            spawn(self._over_udp, udp)
            spawn(self._over_tcp, tcp)

    def _over_udp(self, sock):
        while True:
            query, client = sock.recvfrom(4096)
            reply = self.reply(query)
            if reply and self.says not in ("silent", "tcp"):
                spawn(self._send, sock, reply, client)

    def _send(self, sock, reply, client):
        time.sleep(self.delay)
        with contextlib.suppress(OSError):  # no route to the client any more
            sock.sendto(reply, client)

    def _over_tcp(self, sock):
        while True:
            client, _ = sock.accept()
            client.settimeout(PATIENCE)
            spawn(self._client, client)

    def _client(self, client):
        with client, contextlib.suppress(OSError), client.makefile("rwb") as stream:
            while len(head := stream.read(2)) == 2:
                reply = self.reply(stream.read(int.from_bytes(head)))
                if not reply or self.says == "silent":
                    client.recv(1)  # the client gives up
                    return
                stream.write(len(reply).to_bytes(2) + reply)
                stream.flush()

    def reply(self, query):
        """The reply to a query, or None if it is not one."""
        if len(query) < 17:
            return None
        labels, at = [], 12
        while query[at] != 0:
            labels.append(query[at + 1:at + 1 + query[at]])
            at += 1 + query[at]
            if at >= len(query):
                return None
        question = query[12:at + 5]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        name = b".".join(labels).decode("latin-1").lower()
        self.on_query()
        code, answers = self.answers(name, kind)
        flags = 0x8180 | code
        head = query[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0)
        records = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data for data in answers)
        return head + question + records

    def answers(self, name, kind):
        if self.says == "failing":
            return SERVFAIL, []
        if name == "" and kind == NS:
            return NOERROR, [b"\x01a\x0croot-servers\x03net\x00"]
        if name != self.name or self.says == "nxdomain":
            return NXDOMAIN, []
        ips = self.lies if self.says == "lying" else self.addresses
        version = {A: 4, AAAA: 6}.get(kind)
        ips = [ipaddress.ip_address(ip) for ip in ips]
        return NOERROR, [ip.packed for ip in ips if ip.version == version]


class Server:
    """The server to which the path leads.

    `manner` is "http", "unknown" (HTTP on another port), "greeting", "https", "silent" or "large".
    """

    def __init__(self, machine, ips, port, manner, certificate, delay, on_accept):
        self.manner, self.delay, self.on_accept = manner, delay, on_accept
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        for ip in ips:
            spawn(self._accept, listening(machine, family_of(ip), socket.SOCK_STREAM, (ip, port)))

    def _accept(self, sock):
        while True:
            client, _ = sock.accept()
            client.settimeout(PATIENCE)
            spawn(self._client, client)

    def _client(self, client):
        self.on_accept()
        with contextlib.suppress(OSError):
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            with client:
                self._serve(client)

    def _serve(self, client):
        time.sleep(self.delay)
        if self.manner == "silent":
            while client.recv(4096):
                pass
        elif self.manner in ("greeting", "large"):
            client.sendall(LARGE_GREETING if self.manner == "large" else b"220 ready\r\n")
            client.recv(4096)
        else:
            client.recv(4096)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
