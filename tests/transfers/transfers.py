#!/usr/bin/env python3
"""Transfers random streams with sockkit, and checks that no truncated stream looks complete.

Each run has a seed, from which everything of it is derived: whether sockkit talks to sockkit or to
a Python peer, over TCP, TLS or a Unix socket, how much, how fast, with which options, and what
fails at which moment. Wherever a process exits with 0, all bytes must have arrived; a stream that
was cut short must end with a reset, and its receiver must exit with another code.

  transfers.py                          200 runs with the seeds 1 to 200, on target/debug/sockkit
  transfers.py --runs 5000 --seed 1000  other runs
  transfers.py --seed X --runs 1        repeats the run with seed X, and shows its commands
  transfers.py --self-test              proves, with a sockkit that lies, that each check can fail
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import oracle
from plan import plan_of
from process import RUNNING
from run import Certificate, carry_out

ROOT = pathlib.Path(__file__).resolve().parents[2]

# As many runs as leave the processors busy while others wait.
JOBS = 3 * len(os.sched_getaffinity(0))

# So many runs contain every kind of fault.
ENOUGH = 200

Result = collections.namedtuple("Result", "plan findings struck commands texts codes seconds")


def execute(plan, sockkit, certificate, env=None):
    start = time.monotonic()
    seen, texts = carry_out(plan, sockkit, certificate, env)
    findings, struck = oracle.judge(seen, texts)
    commands = [shlex.join(["sockkit", *process.arguments]) for process in seen.processes]
    codes = [process.code for process in seen.processes]
    return Result(plan, findings, struck, commands, texts, codes, time.monotonic() - start)


def brief(value):
    """The fields of a plan that differ from their defaults."""
    if not dataclasses.is_dataclass(value):
        return repr(value)
    fields = [
        f"{field.name}={brief(getattr(value, field.name))}"
        for field in dataclasses.fields(value)
        if getattr(value, field.name) not in (field.default, None, ())
    ]
    return f"{type(value).__name__}({', '.join(fields)})"


def show(result, command=None):
    plan = result.plan
    print(f"seed {plan.seed}: {plan.topology} over {plan.carrier}, {result.seconds:.1f} s")
    for part in [*plan.ends, *plan.peers]:
        print(f"  {brief(part)}")
    for line, code, text in zip(result.commands, result.codes, result.texts):
        print(f"  $ {line}    # exit {code}")
        print("".join(f"    {line}\n" for line in text.splitlines()), end="")
    for check, text in result.findings:
        print(f"  {check}: {text}")
    if command:
        print(f"  repeat: {command} --seed {plan.seed} --runs 1")


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, stderr=subprocess.DEVNULL,
    )
    return Certificate(folder)


def run_all(plans, sockkit, certificate, jobs):
    # The longest runs first: they only wait, and the others are done meanwhile.
    waiting = [plan for plan in plans if plan.seconds]
    working = [plan for plan in plans if not plan.seconds]
    with (
        concurrent.futures.ThreadPoolExecutor(max(len(waiting), 1)) as patient,
        concurrent.futures.ThreadPoolExecutor(jobs) as pool,
    ):
        futures = [patient.submit(execute, plan, sockkit, certificate) for plan in waiting]
        futures += [pool.submit(execute, plan, sockkit, certificate) for plan in working]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()


def stop(number, _):
    """Leaves no process and no file behind when the script is stopped."""
    for process in list(RUNNING):
        process.kill()
    if tempfile.tempdir:
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
    os._exit(128 + number)


def main():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/sockkit"
    parser.add_argument("--runs", type=int, default=200, help="how many runs [default: 200]")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first run [default: 1]")
    parser.add_argument("--sockkit", default=default, help=f"program to test [default: {default}]")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many runs at once")
    parser.add_argument("--only", help="run only the seeds of this topology or carrier")
    parser.add_argument("--self-test", action="store_true", help="prove that each check can fail")
    options = parser.parse_args()
    command = os.path.relpath(__file__)
    if options.sockkit != default:
        command += f" --sockkit {shlex.quote(options.sockkit)}"
    with tempfile.TemporaryDirectory(prefix="sockkit-transfers-") as folder:
        tempfile.tempdir = folder  # for the folder of each run
        certificate = make_certificate(folder)
        if options.self_test:
            import self_test
            return self_test.run(execute, show, certificate, options.jobs)
        plans = [plan_of(seed) for seed in range(options.seed, options.seed + options.runs)]
        if options.only:
            plans = [plan for plan in plans if options.only in (plan.topology, plan.carrier)]
        sockkit = [os.path.abspath(options.sockkit)]
        results = run_all(plans, sockkit, certificate, options.jobs)
        return report(results, command, options.runs == 1)


def report(results, command, verbose):
    count, failed, classes = 0, 0, collections.defaultdict(list)
    struck = collections.Counter()
    for result in results:
        count += 1
        struck.update(result.struck)
        failed += bool(result.findings)
        for check, _ in result.findings:
            classes[check].append(result.plan.seed)
        if result.findings or verbose:
            show(result, command)
    print(f"{count} runs, {failed} of them failed")
    for check, seeds in sorted(classes.items()):
        print(f"  {check}: seeds {' '.join(map(str, sorted(set(seeds))))}")
    print(f"faults: {', '.join(f'{name} {number}' for name, number in sorted(struck.items()))}")
    # A test that does not cut streams short proves nothing.
    missing = oracle.FAULTS - set(struck) if count >= ENOUGH else set()
    if missing:
        print(f"never happened: {', '.join(sorted(missing))}")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
