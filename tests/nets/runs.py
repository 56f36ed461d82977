"""Runs networks, each in a process of its own, and has the oracle judge what was observed."""

import collections
import concurrent.futures
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import oracle
from transfer import TransferPlan

HERE = pathlib.Path(__file__).resolve().parent

# How long the observation of one network may take, beyond ten times an outage.
DEADLINE = 150

Result = collections.namedtuple("Result", "plan findings seen seconds")

# The processes that observe a network.
RUNNING = set()


class NotPermitted(Exception):
    """This machine does not permit namespaces."""


def observe(plan, sockkit, folder, env):
    """Observes sockkit in the network of a plan, in a process of its own."""
    command = [sys.executable, HERE / "network.py", plan.spec, folder, *sockkit]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, start_new_session=True,
                               env={**os.environ, "TMPDIR": folder, **env})
    RUNNING.add(process)
    try:
        out, err = process.communicate(timeout=DEADLINE + 10 * plan.outage)
    except subprocess.TimeoutExpired:
        out, err = b"", b"the network did not end"
    finally:
        kill(process)
        RUNNING.discard(process)
    if process.returncode != 0:
        raise RuntimeError(f"{plan.spec}: {err.decode(errors='replace').strip()}")
    seen = json.loads(out)
    if "not_permitted" in seen:
        raise NotPermitted(seen["not_permitted"])
    return seen


def kill(process):
    """Ends a process and what it has started: they have a session of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def execute(plan, sockkit, folder, env={}):
    started = time.monotonic()
    seen = observe(plan, sockkit, folder, env)
    return Result(plan, oracle.judge(plan, seen), seen, time.monotonic() - started)


def show(result, command=None, verbose=False):
    print(f"seed {result.plan.seed}: {result.plan.text()}, {result.seconds:.1f} s")
    for name in ("doctor", "probe", "named", "local", "listener", "client"):
        if name in result.seen and (verbose or result.findings):
            ran = result.seen[name]
            print(f"  $ sockkit {shlex.join(ran['command'])}    # exit {ran['code']}")
            text = ran.get("out", "") + ran["err"]
            print("".join(f"    {line}\n" for line in text.splitlines()), end="")
    if "link" in result.seen:
        print(f"  packets: {result.seen['link']}")
    for check, text in result.findings:
        print(f"  {check}: {text}")
    if command:
        print(f"  repeat: {command} --seed {result.plan.seed} {result.plan.repeat}")


def run_all(plans, sockkit, folder, jobs):
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(execute, plan, sockkit, folder): plan for plan in plans}
        try:
            for future in concurrent.futures.as_completed(futures):
                try:
                    yield future.result()
                except NotPermitted as error:
                    if not isinstance(futures[future], TransferPlan):
                        raise
                    # Namespaces are permitted, but /dev/net/tun is not.
                    yield Result(futures[future], None, {"skipped": str(error)}, 0)
        finally:
            pool.shutdown(cancel_futures=True)
