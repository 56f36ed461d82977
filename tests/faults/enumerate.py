#!/usr/bin/env python3
"""Makes each system call of sockkit fail in turn, and checks that sockkit notices.

Each scenario is first run under strace to count its system calls. Then it is run once for every
call and every error in ERRORS, with strace's `inject`, and once for every value of the limits in
LIMITS, with prlimit. A run may fail, but it must not crash, hang, or report a success that the
other end of the connection, the standard output or the log does not confirm (a false OK).

  enumerate.py SOCKKIT              every case
  enumerate.py SOCKKIT --runs 2000  2000 cases, evenly spaced
  enumerate.py SOCKKIT --case CASE  one case, with its command and its output

A case is SCENARIO:CALL:N:ERROR or SCENARIO:LIMIT:VALUE, as in the list of findings. strace counts
the calls of each thread separately: N is the Nth call of every thread that makes that many.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile

from scenarios import DEADLINE, SCENARIOS, Hang, Run

# A failing device, and a kernel that is short of memory. Not EAGAIN: after it, the kernel would
# announce when the call can be repeated, and strace cannot do that.
ERRORS = ["EIO", "ENOMEM"]

# For each limit of prlimit, the values to try: from less than the program needs to start, to more
# than the scenarios use; for files, less than a record and than the payload.
LIMITS = {"nofile": range(3, 24), "fsize": [0, 1, 5, 50, 100, 4096, 65536]}

# As many runs as processors would leave them idle while sockkit and strace wait for each other.
WORKERS = 2 * len(os.sched_getaffinity(0))

# Calls that are not made to fail, with the reason: CALL, or CALL:N for one of them. Nothing else is
# left out.
EXCLUDED = {
    "execve": "no program starts without it",
    "exit": "it does not return",
    "exit_group": "it does not return",
    "rt_sigreturn": "it does not return",
    "brk": "Rust's standard library aborts if it cannot allocate memory",
    "mmap": "as brk",
    "mremap": "as brk",
    "close": "the kernel closes the descriptor whatever it returns; strace would leave it open",
    "futex": "the kernel returns no such error for it; glibc aborts, or waits for ever",
    "poll:1": "before main, Rust's standard library aborts if it cannot check the descriptors",
    "rt_sigaction:1": "before main, Rust's standard library aborts if it cannot ignore SIGPIPE",
}

# Panics in libraries that sockkit cannot prevent, with the reason; the patterns match standard
# error. The summary counts them apart from crashes. Such a run must still not hang, nor exit
# with 0.
KNOWN_PANICS = {
    r"tokio-\S+/runtime/io/driver\.rs": "tokio panics if epoll_wait(2), or the write to its eventfd,"
    " fails; the kernel has no such error for open descriptors",
    r"std/src/sys/random/linux\.rs": "clap and tokio use a HashMap, which needs random numbers; the"
    " kernel has no such error",
    r"std/src/sys/pal/unix/stack_overflow\.rs": "before main, a guard page cannot be set up",
}

# How the panic hooks of sockkit and of Rust's standard library report a panic.
PANIC = ["internal error in sockkit", "panicked at"]

Result = collections.namedtuple("Result", "case verdict status stderr")


def prefix_of(case):
    """The command that runs sockkit with the fault of `case`."""
    match case.split(":"):
        case [_, call, number, error]:
            inject = f"inject={call}:error={error}:when={number}"
            return strace("/dev/null", "--seccomp-bpf", "-e", f"trace={call}", "-e", inject)
        case [_, limit, value]:
            return ["prlimit", f"--{limit}={value}:{value}", "--"]
    raise SystemExit(f"{case}: not SCENARIO:CALL:N:ERROR or SCENARIO:LIMIT:VALUE")


def strace(output, *options):
    # With -D, sockkit and not strace is the child of this process.
    return ["strace", "-D", "-f", "-qq", "-o", str(output), *options, "--"]


def execute(sockkit, case, prefix, certificate, show=False):
    """Runs a scenario, and judges it."""
    with tempfile.TemporaryDirectory(prefix="sockkit-faults-") as folder:
        run = Run(sockkit, prefix, folder, certificate)
        try:
            success, confirmed = SCENARIOS[case.split(":")[0]](run)
            verdict = judge(run, success, confirmed)
        except Hang:
            verdict = "good" if run.waits_for_clients() else "hang"
        finally:
            run.end()
        if show:
            print(f"$ {shlex.join([*prefix, *run.arguments])}\n{run.stderr()}status {run.status}")
        return Result(case, verdict, run.status, run.stderr())


def judge(run, success, confirmed):
    if success and not confirmed:
        return "false OK"
    ended_by_signal = run.status < 0 and not (run.terminated and run.status == -signal.SIGTERM)
    if ended_by_signal or any(sign in run.stderr() for sign in PANIC):
        known = any(re.search(pattern, run.stderr()) for pattern in KNOWN_PANICS)
        return "known panic" if known and run.status != 0 else "crash"
    return "good"


def count_calls(sockkit, scenario, certificate):
    """The number of calls of each name: the most that one thread makes."""
    with tempfile.TemporaryDirectory(prefix="sockkit-faults-") as folder:
        log = pathlib.Path(folder) / "strace"
        result = execute(sockkit, scenario, strace(log), certificate)
        if result.verdict != "good" or result.status != 0:
            raise SystemExit(f"{scenario} fails without a fault: {result}")
        calls = collections.Counter()
        for line in log.read_text(errors="replace").splitlines():
            if match := re.match(r"(\d+) +(\w+)\(", line):
                calls[match.groups()] += 1
    most = {}
    for (_, name), count in calls.items():
        most[name] = max(count, most.get(name, 0))
    return most


def cases_of(sockkit, scenario, certificate):
    for call, count in sorted(count_calls(sockkit, scenario, certificate).items()):
        for number in range(1, count + 1):
            if not EXCLUDED.keys() & {call, f"{call}:{number}"}:
                for error in ERRORS:
                    yield f"{scenario}:{call}:{number}:{error}"
    for limit, values in LIMITS.items():
        for value in values:
            yield f"{scenario}:{limit}:{value}"


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, stderr=subprocess.DEVNULL,
    )
    return pathlib.Path(folder)


def can_trace():
    return subprocess.run(strace("/dev/null", "true"), stderr=subprocess.DEVNULL).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sockkit", help="the program to test")
    parser.add_argument("--runs", type=int, help="run only this many cases, evenly spaced")
    parser.add_argument("--scenario", choices=SCENARIOS, help="run only the cases of one scenario")
    parser.add_argument("--case", help="run one case, and print its command and its output")
    options = parser.parse_args()
    sockkit = os.path.abspath(options.sockkit)
    if not can_trace():
        print("Skipped: this machine does not permit ptrace, which strace needs.")
        return 0
    with tempfile.TemporaryDirectory(prefix="sockkit-faults-") as folder:
        certificate = make_certificate(folder)
        if options.case:
            cases = [options.case]
        else:
            scenarios = [options.scenario] if options.scenario else SCENARIOS
            cases = [case for name in scenarios for case in cases_of(sockkit, name, certificate)]
        if options.runs and options.runs < len(cases):
            cases = [cases[i * len(cases) // options.runs] for i in range(options.runs)]
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            results = list(pool.map(
                lambda case: execute(
                    sockkit, case, prefix_of(case), certificate, bool(options.case)
                ),
                cases,
            ))
    return report(results)


def report(results):
    """Prints the findings and the summary. Returns the exit code."""
    count = collections.Counter(result.verdict for result in results)
    for result in results:
        if result.verdict not in ("good", "known panic"):
            print(f"{result.verdict}: {result.case}: status {result.status}")
            print("".join(f"  {line}\n" for line in result.stderr.splitlines()), end="")
    print(f"{len(results)} runs: {count['crash']} crashes, {count['hang']} hangs,"
          f" {count['false OK']} false OKs"
          f" (and {count['known panic']} panics that KNOWN_PANICS explains)")
    return 1 if count["crash"] + count["hang"] + count["false OK"] else 0


if __name__ == "__main__":
    sys.exit(main())
