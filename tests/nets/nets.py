#!/usr/bin/env python3
"""Runs sockkit in random networks with one broken thing, and compares its verdict with the fault.

Each network has a seed, from which everything of it is derived: the machines and their addresses
(IPv4, IPv6 or both), the server, one fault or none, and the moment at which it occurs or heals. The
machines are network namespaces, for which no privilege is needed. `doctor` must name the layer of
the fault, and must not blame a healthy network; `probe` must report the matching state.

Transfers over a link that loses, delays, duplicates and reorders packets, and is out for some time,
follow: where `connect` or `listen` exits with 0, every byte must have arrived.

  nets.py SOCKKIT                        60 networks with the seeds 1 to 60
  nets.py SOCKKIT --runs 500 --seed 1000 other networks
  nets.py SOCKKIT --seed X --runs 1      repeats the network with seed X, and shows everything
  nets.py SOCKKIT --runs 0 --transfers 30 --outage 30
                                         only transfers, with outages of 30 s
  nets.py SOCKKIT --self-test            proves, with a sockkit that lies, that each check can fail
"""

import argparse
import os
import pathlib
import shlex
import shutil
import signal
import sys
import tempfile

import certificates
import runs
import self_test
import transfer
from plan import plan_of
from tally import Tally

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT = str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/sockkit")

# Most of a run is waiting for answers that do not come.
JOBS = 6 * len(os.sched_getaffinity(0))


def stop(number, _):
    """Leaves no process and no file behind when the script is stopped."""
    for process in list(runs.RUNNING):
        runs.kill(process)
    if tempfile.tempdir:
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
    os._exit(128 + number)


def main():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sockkit", nargs="?", default=DEFAULT,
                        help=f"program to test [default: {DEFAULT}]")
    parser.add_argument("--runs", type=int, default=60, help="how many networks [default: 60]")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first one [default: 1]")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many networks at once")
    parser.add_argument("--transfers", type=int, default=12,
                        help="how many transfers over a bad link [default: 12]")
    parser.add_argument("--outage", type=float, default=5,
                        help="seconds of the outage of the link [default: 5]")
    parser.add_argument("--only", help="only networks with this fault (`none` for healthy ones), or"
                        " runs over a bad link in this mode")
    parser.add_argument("--self-test", action="store_true", help="prove that each check can fail")
    options = parser.parse_args()
    command = f"{os.path.relpath(__file__)} {shlex.quote(options.sockkit)}"
    with tempfile.TemporaryDirectory(prefix="sockkit-nets-") as folder:
        tempfile.tempdir = folder  # for the folder of each network, too
        certificates.make(pathlib.Path(folder))
        try:
            if options.self_test:
                return self_test.run(folder, options.jobs)
            # The longest ones first: they wait while the others work.
            seeds = range(options.seed, options.seed + options.transfers)
            plans = [transfer.plan_of(seed, options.outage) for seed in seeds]
            seeds = range(options.seed, options.seed + options.runs)
            plans += [plan_of(seed) for seed in seeds]
            if options.only:
                plans = [plan for plan in plans if options.only == plan.kind_of_run]
            sockkit = [os.path.abspath(options.sockkit)]
            results = runs.run_all(plans, sockkit, folder, options.jobs)
            return report(results, command, len(plans) == 1)
        except runs.NotPermitted as error:
            print(f"skipped: this machine does not permit namespaces: {error}")
            return 0


def report(results, command, verbose):
    tally = Tally()
    for result in results:
        tally.add(result)
        if result.findings or verbose:
            runs.show(result, command, verbose)
    for line in tally.text():
        print(line)
    return tally.code()


if __name__ == "__main__":
    sys.exit(main())
