"""Proves that each check of the oracle can fail: a stand-in for sockkit tells one lie after the
other about a network, and the check must notice. Without a lie, a check must stay silent."""

import concurrent.futures
import pathlib
import sys

import oracle
import runs
import transfer
from plan import plan_of
from tally import Tally

LIAR = [sys.executable, str(pathlib.Path(__file__).with_name("liar.py"))]


def first(fault, moment="before", heals=False):
    """The first network with this fault."""
    for seed in range(1, 100_000):
        plan = plan_of(seed)
        found = plan.fault.name == fault and plan.moment == moment
        if found and (plan.heals_after is not None) == heals:
            return plan
    raise LookupError(fault)


def over(mode):
    """A transfer in this mode, over a link without an outage."""
    plans = (transfer.plan_of(seed, 0) for seed in range(100))
    return next(plan for plan in plans if plan.mode == mode and min(plan.sizes) > 0)


def healthy():
    """A healthy network, with a router."""
    plans = map(plan_of, range(1, 1000))
    return next(plan for plan in plans if plan.fault.name == "none" and plan.router)


# The lie, the checks that must notice it, and the network or transfer.
LIES = [
    ("blame-tcp", {"blames-healthy"}, healthy()),
    ("blame-dns", {"blames-healthy"}, first("spare-resolver")),
    ("exit-1", {"exit"}, healthy()),
    ("usage", {"exit"}, healthy()),
    ("no-json", {"output"}, healthy()),
    ("hang", {"hang"}, healthy()),
    ("slow", {"time"}, healthy()),
    ("panic", {"crash"}, healthy()),
    ("state-closed", {"probe"}, healthy()),
    ("state-closed-0", {"exit", "probe"}, healthy()),
    ("count", {"probe"}, healthy()),
    ("warn-dns", {"local"}, healthy()),
    ("", {"layer", "local", "probe"}, first("no-resolver")),
    ("", {"layer", "probe"}, first("port-closed")),
    ("", {"layer", "probe"}, first("port-dropped")),
    ("blame-route", {"layer"}, first("dead-gateway", "query")),
    ("blame-dns", {"layer"}, first("port-dropped", "later")),
    ("blame-name", {"layer"}, first("dead-gateway", heals=True)),
    ("blame-tcp", {"layer"}, first("link-down", "accept")),
    ("blame-dns", {"blames-healthy"}, over("doctor")),
    ("truncate", {"exact"}, over("both")),
    ("flip", {"exact"}, over("both")),
    ("refuse", {"complete"}, over("both")),
    ("hang", {"hang"}, over("both")),
    ("exit-1", {"limit"}, over("limit")),
    ("exit-1", {"limit"}, over("stop")),
]

# The liar hangs for ever, or is slow for 4 s.
DEADLINE, LONGEST = 8, 3


def run(folder, jobs):
    """Returns the exit code."""
    oracle.LONGEST = LONGEST

    def tell(entry):
        lie, _, plan = entry
        with_lie = runs.execute(plan, LIAR, folder, {"LIE": lie, "DEADLINE": str(DEADLINE)})
        # The honest stand-in knows no fault.
        is_judged = lie and plan.fault.name == "none"
        honest = runs.execute(plan, LIAR, folder, {"LIE": ""}) if is_judged else None
        return with_lie, honest

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(tell, LIES))
    failed, noticed = 0, set()
    for (lie, checks, _), (with_lie, honest) in zip(LIES, results):
        found = {check for check, _ in with_lie.findings}
        noticed |= checks & found
        if not checks <= found:
            failed += 1
            print(f"{', '.join(checks - found)}: does not notice the lie {lie or 'that all is well'}")
            runs.show(with_lie, verbose=True)
        if honest and honest.findings:
            failed += 1
            print(f"the honest stand-in fails, in the network of the lie {lie}")
            runs.show(honest)
    if missing := oracle.CHECKS - noticed:
        failed += 1
        print(f"checks without a lie: {', '.join(sorted(missing))}")
    failed += tallies()
    print(f"{len(LIES)} lies about {len(oracle.CHECKS)} checks, {failed} problems")
    return 1 if failed else 0


def tallies():
    """Checks what decides about the exit code; returns how many of its cases are wrong."""
    def over_link(count, findings, code, in_outage):
        seen = {"client": {"code": code}, "link": {"in_outage": in_outage}}
        plans = [over("both"), over("tls")] * count
        return [runs.Result(plan, findings, seen, 0) for plan in plans[:count]]

    good, broken = healthy(), first("port-closed")
    right = [runs.Result(plan_of(seed), [], {}, 0) for seed in range(1, 401)]
    wrong_layer = [runs.Result(broken, [("layer", "")], {}, 0)]
    cases = [
        (0, right),
        (0, right + wrong_layer),  # of some 250
        (1, right + wrong_layer * 4),
        (1, right + [runs.Result(good, [("blames-healthy", "")], {}, 0)]),
        (1, right + [runs.Result(good, [("hang", "")], {}, 0)]),
        (1, right + [runs.Result(broken, [("probe", "")], {}, 0)]),
        (0, right + over_link(12, [], 0, 9)),
        (1, right + over_link(1, [("exact", "")], 0, 9)),
        (1, right + over_link(12, [], 5, 9)),  # no complete transfer
        (1, right + over_link(12, [], 0, 0)),  # no outage
        (1, [it for it in right if it.plan.fault != broken.fault]),  # one fault does not occur
    ]
    problems = 0
    for expected, results in cases:
        tally = Tally()
        for result in results:
            tally.add(result)
        if tally.code() != expected:
            problems += 1
            print(f"exit {tally.code()} instead of {expected} for: {'; '.join(tally.text())}")
    return problems
