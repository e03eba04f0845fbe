"""What is measured: per scenario the operations, the users, the rate."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """A line of the comparison."""

    name: str
    does: str  # the tool's scenario
    operations: int
    warm: int = 0  # operations before those that count
    rate: int = 0  # operations per second; 0 is a closed loop
    users: int = 100
    stateful: bool = False  # leaves transactions behind
    digest: bool = False

    def scaled(self, scale):
        """(operations, warm, users) at another length of the run. Users only become fewer: servers have so many accounts."""
        users = max(100, round(self.users * min(scale, 1.0)))
        return max(100, round(self.operations * scale)), round(self.warm * scale), users


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("options", "options", 100_000, warm=5_000),
        Scenario("options-paced", "options", 6_000, warm=500, rate=2_000),
        Scenario("invite-404", "invite-404", 50_000, warm=2_000),
        Scenario("register", "register", 50_000, users=50_000),
        Scenario("register-auth", "register-auth", 20_000, warm=1_000, users=20_000, digest=True),
        Scenario("message", "message", 20_000, warm=4_000, stateful=True),
        Scenario("call", "call", 6_000, warm=1_500, stateful=True),
    )
}
