"""Proves that each check of the oracle can fail: a stand-in for sockkit tells one lie after the
other, and the check must notice. The same transfers with an honest stand-in must pass."""

import concurrent.futures
import pathlib
import signal
import sys

import oracle
import run as runs
from payload import MIB
from plan import End, Input, Output, PeerPlan, Plan, Stop

LIAR = [sys.executable, str(pathlib.Path(__file__).with_name("liar.py"))]

# The liar hangs for this long only, and needs this long to end at a second signal.
DEADLINE = 4.0
AT_ONCE = 1.0


def one(end=None, peer=None, carrier="tcp", **more):
    """A transfer between the stand-in and a peer."""
    end = end or End("connect", input=Input("file", 50_000), output=Output("file"))
    topology = {"connect": "client", "listen": "server"}[end.command]
    if end.mode == "shared":
        topology = "shared"
    return Plan(1, topology, carrier, [end], [peer or PeerPlan(sends=40_000)], **more)


def connect(mode="normal", source=None, output=None, **more):
    source = source or Input("file", 50_000)
    return End("connect", mode, source, output or Output("file"), **more)


# A transfer whose end is a failure, in the middle of an input that does not fit into the buffers.
MIDDLE = Input("file", 16 * MIB)


def stopped(**more):
    end = connect(source=MIDDLE, stop=Stop(signal.SIGTERM, None, 0.5, **more))
    return one(end, PeerPlan(sends=10, ending="late", reads="late", buffer=65536))


def timed_out():
    end = connect(source=MIDDLE, options=("--timeout", "500ms"), limit="--timeout")
    return one(end, PeerPlan(sends=10, ending="late", reads="late", buffer=65536))


def shared(**more):
    end = End("listen", "shared", Input("file", 50_000), Output("file"))
    return one(end, PeerPlan(sends=10, ending="late"), **more)


RESET = PeerPlan(sends=40_000, ending="reset", after_sent=20_000)
CUT = PeerPlan(sends=40_000, ending="cut", after_sent=20_000)

# The lie, the checks of which at least each must notice it, and the transfer.
LIES = [
    ("truncate", {"fin", "exit-0-sent"}, one()),
    ("flip", {"exact"}, one()),
    ("drop-output", {"exit-0-received"}, one()),
    ("reset-at-end", {"exit-0-fin"}, one()),
    ("no-wait", {"exit-0-peer-closed"}, one(peer=PeerPlan(sends=40_000, ending="answer"))),
    ("exit-1", {"clean-run"}, one()),
    ("panic", {"crash"}, one()),
    ("usage", {"usage"}, one()),
    ("hang", {"hang"}, one()),
    ("early-fin", {"early-fin"},
     one(connect("no-shutdown"), PeerPlan(sends=40_000, ending="answer"))),
    ("early-fin", {"early-fin"},
     one(End("listen", output=Output("file")), PeerPlan(sends=40_000, ending="answer"))),
    ("no-closed-event", {"closed-event"},
     one(End("listen", input=Input("file", 9), output=Output("file")), PeerPlan(sends=9))),
    ("exit-0", {"reset-code", "exit-0-peer-closed"}, one(peer=RESET)),
    ("exit-1", {"reset-code"}, one(peer=RESET)),
    ("print-late", {"reset-data"}, one(peer=RESET)),
    ("exit-0", {"cut-code", "exit-0-peer-closed"}, one(connect(source=Input()), CUT, "tls")),
    ("print-late", {"cut-data"}, one(connect(source=Input()), CUT, "tls")),
    ("fin-on-failure", {"fin"}, stopped()),
    ("exit-0", {"exit-0-sent", "exit-0-peer-closed"}, stopped()),
    ("exit-1", {"stop-code"}, stopped()),
    ("ignore-second", {"second-signal"}, stopped(second=0.1)),
    ("fin-on-failure", {"fin"}, timed_out()),
    ("exit-1", {"deadline"}, timed_out()),
    ("exit-1", {"input-error"}, one(connect(source=Input("failing", 40_960)))),
    ("fin-on-failure", {"fin"}, one(connect(source=Input("failing", 40_960)), PeerPlan())),
    ("exit-1", {"closed-stdout"},
     one(connect(output=Output(close_at=10)), PeerPlan(sends=300_000))),
    ("truncate", {"shared-input"}, shared()),
    ("drop-output", {"exit-0-received"}, shared()),
    ("truncate", {"cut-off"}, shared(note="cut-off")),
]


def run(execute, show, certificate, jobs):
    """Returns the exit code."""
    runs.DEADLINE, oracle.AT_ONCE = DEADLINE, AT_ONCE

    def tell(entry):
        lie, _, plan = entry
        with_lie = execute(plan, LIAR, certificate, {"LIE": lie})
        # The honest stand-in cuts no client off.
        return with_lie, None if plan.note else execute(plan, LIAR, certificate, {"LIE": ""})

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(tell, LIES))
    failed, noticed = 0, set()
    for (lie, checks, _), (with_lie, honest) in zip(LIES, results):
        found = {check for check, _ in with_lie.findings}
        noticed |= checks & found
        if not checks <= found:
            failed += 1
            print(f"{', '.join(checks - found)}: does not notice the lie {lie}")
            show(with_lie)
        if honest and honest.findings:
            failed += 1
            print(f"the honest stand-in fails, in the transfer of the lie {lie}")
            show(honest)
    if missing := oracle.CHECKS - noticed:
        failed += 1
        print(f"checks without a lie: {', '.join(sorted(missing))}")
    print(f"{len(LIES)} lies about {len(oracle.CHECKS)} checks, {failed} problems")
    return 1 if failed else 0
