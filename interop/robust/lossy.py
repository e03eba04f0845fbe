"""Calls through a relay that loses datagrams: RFC 3261's retransmissions carry them."""

from robust.program import Load, count_of, program, same_process, why
from robust.relay import Relay

# name, loss of the caller's hop, of the called one's, calls, share that must succeed
RUNS = (
    ("10 % at the caller", 0.10, 0.0, 200, 1.0),
    ("20 % at the caller", 0.20, 0.0, 1000, 0.99),
    ("30 % at the caller", 0.30, 0.0, 1000, 0.99),
    ("30 % at both", 0.30, 0.30, 1000, 0.92),
)
CALLS_PER_SECOND = 25


@program("lossy", seconds=150, seconds_long=600)
def lossy(run):
    """Calls over a hop, or two, that lose a share of all datagrams in both directions; all four runs at once."""
    begun = []
    for number, (name, caller, called, calls, share) in enumerate(RUNS):
        calls = run.count(40, calls)
        server = run.server(name=f"strowger-{number}", limits={"trusted_sources": ["127.0.0.0/8"]})
        relay = Relay(server, caller, called, run.seed + number)
        load = Load(run, server, "call", "--rate", CALLS_PER_SECOND, "--ops", calls, "--users", 20, "--keep",
                    "--hold", "200ms", target=relay.target, label=f"call-{number}")
        begun.append((name, share, calls, server, relay, load))
    try:
        for name, share, calls, server, relay, load in begun:
            report = load.report(400)
            # A call whose 200 was never acknowledged is none, though the caller is content.
            missing = count_of(report, "called_ack_missing")
            done, failed = report["operations"] - missing, report["failed"] + missing
            repeated = report["retransmissions"] + report["called_retransmissions"]
            lost, seen = sum(relay.lost.values()), sum(relay.seen.values())
            run.figure(f"{name}: {done} of {calls} calls, {lost} of {seen} datagrams lost, {repeated} sent again")
            # Few calls say little about a share: a short run allows two failures more.
            allowed = calls * (1 - share) + (0 if run.long else 2 if share < 1 else 0)
            run.must(done + failed == calls and failed <= allowed, f"{name}: {why(report)}")
            wanted = sum(RUNS[len(run.figures) - 1][1:3])
            run.must(lost > seen * wanted / 4, f"{name}: the relay lost {lost} of {seen}: no loss")
            same_process(run, server)
    finally:
        for *_, relay, _load in begun:
            relay.close()
