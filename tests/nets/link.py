"""A link that loses, delays, duplicates and reorders packets: two TUN devices and a thread.

The thread reads the packets of each device, and writes them into the other one, or does not.
"""

import contextlib
import dataclasses
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

from namespaces import NotPermitted

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x4004_54CA, 0x0001, 0x1000

# The most packets that are on the way in one direction, as in the queue of a router.
QUEUE = 500


@dataclasses.dataclass(frozen=True)
class Quality:
    """What a link does to packets; times are in seconds."""

    loss: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0  # reorders packets: each has its own delay
    duplicates: float = 0.0
    mtu: int = 1500
    # After how many packets it stops to carry any, and for how long.
    outage_at: int = 0
    outage: float = 0.0


def tun(machine, name):
    """Makes a TUN device on a machine; returns its descriptor."""
    with machine.entered():
        try:
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
            request = struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI)
            fcntl.ioctl(device, TUNSETIFF, request)
        except OSError as error:
            raise NotPermitted(f"/dev/net/tun: {error}") from error
    return device


class Link(threading.Thread):
    """Carries packets between the devices `one` and `other`."""

    def __init__(self, one, other, quality, seed):
        super().__init__(daemon=True)
        self.devices, self.quality = {one: other, other: one}, quality
        self.random = random.Random(f"link {seed}")
        self.waiting = []  # a heap of (due, number, device, packet)
        self.on_way = {one: 0, other: 0}
        self.number = 0
        self.out_until = None
        self.lost = self.carried = self.duplicated = self.in_outage = 0

    def run(self):
        poll = select.poll()
        for device in self.devices:
            poll.register(device, select.POLLIN)
        while True:
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _, _, device, packet = heapq.heappop(self.waiting)
                self.on_way[device] -= 1
                with contextlib.suppress(OSError):  # the device is down, or its queue is full
                    os.write(device, packet)
            wait = None if not self.waiting else max(self.waiting[0][0] - time.monotonic(), 0)
            for device, _ in poll.poll(None if wait is None else wait * 1000):
                self._read(device)

    def _read(self, device):
        """Takes at most so many packets that the due ones are not delayed."""
        for _ in range(32):
            try:
                packet = os.read(device, 65536)
            except OSError:
                return
            self._carry(self.devices[device], packet)

    def _carry(self, device, packet):
        quality, now = self.quality, time.monotonic()
        if self.out_until is None and self.carried >= quality.outage_at:
            self.out_until = now + quality.outage
        if len(packet) > quality.mtu or self.on_way[device] >= QUEUE:
            self.lost += 1
        elif self.out_until and now < self.out_until:
            self.in_outage += 1
        elif self.random.random() < quality.loss:
            self.lost += 1
        else:
            self.carried += 1
            twice = self.random.random() < quality.duplicates
            self.duplicated += twice
            for _ in range(1 + twice):
                due = now + quality.delay + self.random.uniform(0, quality.jitter)
                self.number += 1
                self.on_way[device] += 1
                heapq.heappush(self.waiting, (due, self.number, device, packet))
