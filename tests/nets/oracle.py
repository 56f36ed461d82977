"""Judges what sockkit said about a network whose fault is known."""

import json

from plan import LAYERS
from transfer import TransferPlan

# What each verdict may be called: the summary counts them.
CHECKS = {"blames-healthy", "layer", "exit", "output", "hang", "crash", "time", "probe", "local",
          "exact", "complete", "limit"}

# The run is limited to 10 s; the rest is the start and the end of the program on a busy machine.
LONGEST = 20

PANICS = ("internal error in sockkit", "panicked at")


def judge(plan, seen):
    """Returns the findings: pairs of a check and a text."""
    if isinstance(plan, TransferPlan):
        return judge_transfer(plan, seen)
    findings = list(broken("doctor", seen["doctor"], {0, 1}))
    if not findings:
        findings = list(doctor(plan, seen))
    if "local" in seen:
        problems = list(broken("doctor without a target", seen["local"], {0, 1}))
        findings += problems or list(local(plan, seen))
    if "named" in seen:
        problems = list(broken("probe by name", seen["named"], {0, 1, 3}))
        findings += problems or list(named(plan, seen))
    if "probe" in seen:
        problems = list(broken("probe", seen["probe"], {0, 1}))
        findings += problems or list(probe(plan, seen))
    return findings


def broken(command, ran, codes):
    """What no run may do, in whatever network."""
    if ran["code"] is None:
        yield "hang", f"{command} did not end"
    elif any(text in ran["err"] for text in PANICS) or ran["code"] < 0:
        yield "crash", f"{command}: exit {ran['code']}, {ran['err'][:200]}"
    elif ran["code"] not in codes:
        yield "exit", f"{command}: exit {ran['code']}, {ran['err'][:200]}"
    else:
        try:
            lines = [json.loads(line) for line in ran["out"].splitlines()]
        except ValueError:
            lines = []
        if not lines or not all(isinstance(line, dict) for line in lines):
            yield "output", f"{command} does not print JSON objects: {ran['out'][:200]}"


def lines(ran):
    return [json.loads(line) for line in ran["out"].splitlines()]


def doctor(plan, seen):
    conclusion = lines(seen["doctor"])[-1]
    if conclusion.get("type") != "conclusion":
        yield "output", "doctor prints no conclusion"
        return
    named = None if conclusion["ok"] else conclusion["layer"]
    message = conclusion["message"]
    if seen["doctor"]["code"] != (0 if named is None else 1):
        yield "exit", f"doctor: exit {seen['doctor']['code']} with {conclusion}"
    if seen["doctor"]["seconds"] > LONGEST:
        yield "time", f"doctor took {seen['doctor']['seconds']:.1f} s"
    allowed = layers(plan, seen)
    if named not in allowed:
        check = "blames-healthy" if plan.is_healthy else "layer"
        expected = " or ".join(sorted(map(str, allowed)))
        yield check, f"{named} instead of {expected}: {message}"
    elif named is not None and not conclusion.get("hint"):
        yield "output", f"the conclusion has no hint: {message}"


def layers(plan, seen):
    """The layers that doctor may name."""
    fault = plan.fault
    if plan.is_healthy:
        return {None}
    if plan.moment == "accept":
        # TCP has connected; what comes next gets no answer.
        return {"tls"} if plan.tls else {"app"}
    if plan.heals_after:
        # It is seen or not; a silence of some seconds may also be seen in a later layer.
        return {fault.layer, None}
    if plan.moment == "before":
        return {fault.layer}
    # What was checked before the fault occurred was good: a later layer shows it.
    allowed = set(LAYERS[LAYERS.index(fault.layer):])
    if plan.moment == "later" or seen["struck_at"] is None:
        allowed.add(None)
    return allowed


def local(plan, seen):
    """Judges a run without a target: nothing in these networks can make it fail."""
    conclusion = lines(seen["local"])[-1]
    if not conclusion["ok"] or seen["local"]["code"] != 0:
        yield "local", f"doctor without a target fails: {conclusion['message']}"
        return
    fault, allowed = plan.fault, {None}
    to_resolver = fault.layer == "route" and plan.resolver == "server"
    if fault.layer in ("interface", "address", "gateway", "dns") or fault.name == "no-route":
        allowed = {fault.layer}
    elif to_resolver:
        # The DNS server is behind the rejecting route.
        allowed = {"route"}
    elif fault.name == "spare-resolver":
        # One of two DNS servers does not answer.
        allowed = {"dns"}
    if not plan.router and not allowed & {"interface", "address"}:
        # Nothing leads beyond the link.
        allowed = {"route"}
    if conclusion["layer"] not in allowed:
        expected = " or ".join(map(str, allowed))
        yield "local", f"{conclusion['layer']} instead of {expected}: {conclusion['message']}"


def named(plan, seen):
    """Judges probe with a name that cannot be resolved, unless /etc/hosts has it."""
    expected = 0 if plan.fault.name == "lying-resolver" else 3
    if seen["named"]["code"] != expected:
        yield "probe", f"by name: exit {seen['named']['code']} instead of {expected}"


def probe(plan, seen):
    results = lines(seen["probe"])
    if len(results) != len(seen["targets"]):
        yield "probe", f"{len(results)} results for {len(seen['targets'])} targets"
        return
    states = plan.fault.states
    for target, result in zip(seen["targets"], results):
        state = result["state"]
        if states and state not in states:
            yield "probe", f"{target} is {state} instead of {' or '.join(states)}"
    all_open = all(result["state"] == "open" for result in results)
    if seen["probe"]["code"] != (0 if all_open else 1):
        yield "exit", f"probe: exit {seen['probe']['code']}, although the states say otherwise"


def judge_transfer(plan, seen):
    """Returns the findings about a transfer over a bad link."""
    if "doctor" in seen:
        findings = list(broken("doctor", seen["doctor"], {0, 1}))
        if not findings and not lines(seen["doctor"])[-1]["ok"]:
            message = lines(seen["doctor"])[-1]["message"]
            findings = [("blames-healthy", f"a link that loses packets: {message}")]
        return findings
    return list(transfer(plan, seen))


def transfer(plan, seen):
    client, listener = seen["client"], seen["listener"]
    for name, ran in (("client", client), ("listener", listener)):
        if any(text in ran["err"] for text in PANICS) or (ran["code"] or 0) < 0:
            yield "crash", f"{name}: exit {ran['code']}, {ran['err'][:200]}"
    # A process that was content received all that the other one had to send.
    if client["code"] == 0:
        if listener["received"] != seen["sent_by_client"]:
            yield "exact", f"the client exits with 0; the listener has {listener['bytes']} bytes"
        if plan.mode != "send-only" and client["received"] != seen["sent_by_listener"]:
            yield "exact", f"the client exits with 0 and has {client['bytes']} bytes"
    if listener["code"] == 0 and listener["received"] != seen["sent_by_client"]:
        yield "exact", f"the listener exits with 0 and has {listener['bytes']} bytes"
    if plan.mode == "limit" and client["code"] not in (0, 5):
        yield "limit", f"the client exits with {client['code']} after its limit"
    elif plan.mode == "stop" and client["code"] not in (0, 143):
        yield "limit", f"the client exits with {client['code']} after SIGTERM"
    elif plan.mode not in ("limit", "stop"):
        for name, ran in (("client", client), ("listener", listener)):
            if ran["code"] is None:
                yield "hang", f"{name} did not end"
            elif ran["code"] != 0:
                # TCP repairs such a link: nothing excuses a failure.
                yield "complete", f"{name}: exit {ran['code']}, {ran['err'][-200:]}"
