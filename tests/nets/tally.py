"""Counts the results of many networks, and decides about the exit code."""

import collections

from plan import FAULTS
from transfer import TransferPlan

# doctor must name the layer in this share of the broken networks.
REQUIRED = 0.99

# So many networks with successive seeds contain every fault, and so many transfers every mode.
ENOUGH_NETWORKS = 60
ENOUGH_TRANSFERS = 12


class Tally:
    """Counts the results of a run."""

    def __init__(self):
        self.broken = self.named = self.healthy = self.blamed = 0
        self.transfers = self.wrong_transfers = self.complete = self.outages = 0
        self.others = 0  # wrong in another way than that doctor names a wrong layer
        self.faults, self.modes = collections.Counter(), set()
        self.wrong, self.skipped = [], set()

    def add(self, result):
        if result.findings is None:
            self.skipped.add(result.seen["skipped"])
            return
        checks = {check for check, _ in result.findings}
        if isinstance(result.plan, TransferPlan):
            self.transfers += 1
            self.modes.add(result.plan.mode)
            self.wrong_transfers += bool(checks)
            self.complete += "client" in result.seen and result.seen["client"]["code"] == 0
            self.outages += result.seen["link"]["in_outage"] > 0
            return
        self.faults[result.plan.fault.name] += 1
        if result.plan.is_healthy:
            self.healthy += 1
            self.blamed += "blames-healthy" in checks
        else:
            self.broken += 1
            # A run that crashed or hung has named nothing.
            self.named += not checks - {"probe", "local"}
        self.others += bool(checks - {"layer", "blames-healthy"})
        if checks:
            self.wrong.append(result.plan.seed)

    def text(self):
        if self.broken or self.healthy:
            yield (f"{self.broken + self.healthy} networks: doctor named the layer in {self.named} of"
                   f" {self.broken} broken ones, and blamed {self.blamed} of {self.healthy} healthy"
                   " ones")
            names = sorted(self.faults.items())
            yield f"faults: {', '.join(f'{name} {number}' for name, number in names)}"
        if self.transfers:
            yield (f"{self.transfers} runs over a bad link: {self.wrong_transfers} wrong,"
                   f" {self.complete} complete transfers, {self.outages} outages")
        for reason in self.skipped:
            yield f"skipped: the runs over a bad link: {reason}"
        if missing := self.missing():
            yield f"never happened: {', '.join(missing)}"
        if self.wrong:
            yield f"wrong verdicts: seeds {' '.join(map(str, sorted(self.wrong)))}"

    def code(self):
        """The exit code: a wrong layer is permitted in few networks, everything else in none."""
        is_good = self.named >= REQUIRED * self.broken
        is_wrong = self.blamed + self.others + self.wrong_transfers or self.missing()
        return 0 if is_good and not is_wrong else 1

    def missing(self):
        """What has not happened although there were many runs: a test without it proves nothing."""
        missing = []
        if len(self.faults) > 1 and self.broken + self.healthy >= ENOUGH_NETWORKS:
            missing += [fault.name for fault in FAULTS if not self.faults[fault.name]]
        if len(self.modes) > 1 and self.transfers >= ENOUGH_TRANSFERS:
            missing += ["a complete transfer"] * (not self.complete)
            missing += ["an outage"] * (not self.outages)
        return missing
