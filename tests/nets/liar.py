#!/usr/bin/env python3
"""A stand-in for sockkit that lies, for the self-test.

The environment variable LIE names the lie. Without it, the stand-in is right about healthy networks
only: it says that nothing is broken and that every port is open, and it transfers exactly.
"""

import json
import os
import pathlib
import socket
import sys
import time

LIE = os.environ.get("LIE", "")
ARGUMENTS = [argument for argument in sys.argv[1:] if argument != "--json"]


def option(name):
    return ARGUMENTS[ARGUMENTS.index(name) + 1] if name in ARGUMENTS else None


def doctor():
    layer = LIE.removeprefix("blame-") if LIE.startswith("blame-") else None
    if LIE.startswith("warn-") and len(ARGUMENTS) == 1:
        layer = LIE.removeprefix("warn-")
    is_ok = layer is None or LIE.startswith("warn-")
    conclusion = {"type": "conclusion", "ok": is_ok, "layer": layer, "message": "a lie"}
    if layer:
        conclusion["hint"] = "another lie"
    print("no JSON" if LIE == "no-json" else json.dumps(conclusion))
    return 0 if is_ok else 1


def probe():
    state = LIE.removeprefix("state-") if LIE.startswith("state-") else "open"
    results = [json.dumps({"type": "probe", "state": state}) for _ in ARGUMENTS[1:]]
    print("\n".join(results * 2 if LIE == "count" else results))
    return 0 if state == "open" or LIE == "state-closed-0" else 1


def exchange(stream):
    """Sends standard input and prints what the peer sends."""
    sent = sys.stdin.buffer.read()
    if LIE == "truncate":
        sent = sent[:-1]
    elif LIE == "flip":
        sent = bytes([sent[0] ^ 1]) + sent[1:]
    # Both payloads fit into the buffers of the kernel, or the peer reads at the same time.
    if os.fork() == 0:
        stream.sendall(sent)
        stream.shutdown(socket.SHUT_WR)
        os._exit(0)
    while data := stream.recv(65536):
        sys.stdout.buffer.write(data)
    os.wait()
    return 0


def connect():
    if LIE == "refuse":
        return 4
    return exchange(socket.create_connection((ARGUMENTS[1], int(ARGUMENTS[2]))))


def listen():
    host, _, port = ARGUMENTS[1].rpartition(":")
    family = socket.AF_INET6 if "[" in host else socket.AF_INET
    listener = socket.create_server((host.strip("[]"), int(port)), family=family)
    pathlib.Path(option("--port-file")).write_text(port)
    return exchange(listener.accept()[0])


def main():
    if LIE == "hang":
        time.sleep(3600)
    if LIE == "panic":
        print("thread 'main' panicked at src/main.rs:1:1", file=sys.stderr)
        return 101
    if LIE == "usage":
        return 2
    if LIE == "slow":
        time.sleep(5)
    code = globals()[ARGUMENTS[0]]()
    return 1 if LIE == "exit-1" else code


if __name__ == "__main__":
    sys.exit(main())
