"""Machines in network namespaces of this process, and the system calls to make them.

A thread enters the namespace of a machine to create a socket there or to start a program there;
the socket stays in that namespace.
"""

import contextlib
import ctypes
import os
import pathlib
import subprocess

NEWNS, NEWUSER, NEWNET = 0x0002_0000, 0x1000_0000, 0x4000_0000
BIND, PRIVATE, RECURSIVE = 0x1000, 1 << 18, 0x4000

LIBC = ctypes.CDLL(None, use_errno=True)

# An `ip` command that takes longer hangs.
IP_DEADLINE = 30


class NotPermitted(Exception):
    """The kernel refuses namespaces to this user."""


def call(name, *arguments):
    if getattr(LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def own_machine():
    """Moves this process, which has one thread, into namespaces of its own, as their root."""
    user, group = os.getuid(), os.getgid()
    try:
        call("unshare", NEWUSER | NEWNS)
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        call("mount", b"none", b"/", None, PRIVATE | RECURSIVE, None)
        call("unshare", NEWNET)
        # In some containers, nothing can be set.
        pathlib.Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
    except OSError as error:
        raise NotPermitted(error) from error


def replace_file(path, source):
    """Puts `source` in the place of a system file, for this process and its children only."""
    call("mount", str(source).encode(), path.encode(), None, BIND, None)


class Machine:
    """A network namespace."""

    def __init__(self, name):
        self.name = name
        call("unshare", NEWNET)
        self.file = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        # Addresses are usable at once: nothing else is on the link.
        for kind in ("default", "all"):
            self.set(f"ipv6/conf/{kind}/accept_dad", 0)
            self.set(f"ipv6/conf/{kind}/router_solicitations", 0)
        self.ip("link set lo up")

    @property
    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.file}"

    @contextlib.contextmanager
    def entered(self):
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        call("setns", self.file, NEWNET)
        try:
            yield
        finally:
            call("setns", before, NEWNET)
            os.close(before)

    def ip(self, *commands, version=None):
        """Runs commands of `ip`, for an IP version if it does not derive from the addresses."""
        option = [f"-{version}"] if version else []
        with self.entered():
            ran = subprocess.run(["ip", *option, "-batch", "-"], input="\n".join([*commands, ""]),
                                 text=True, capture_output=True, timeout=IP_DEADLINE)
        if ran.returncode != 0:
            raise RuntimeError(f"{self.name}: {commands}: {ran.stderr.strip()}")

    def set(self, name, value):
        """Sets a value in /proc/sys/net."""
        with self.entered():
            pathlib.Path("/proc/sys/net", name).write_text(str(value))


def connect(one, one_link, other, other_link):
    """Makes a cable between two machines; both ends are up."""
    one.ip(f"link add {one_link} type veth peer name {other_link} netns {other.path}",
           f"link set {one_link} up")
    other.ip(f"link set {other_link} up")
