"""What the journal costs: a 200 that waits for the operating system, against one that does not."""

from lib.load import RegisterLoad
from lib.processes import Failure
from lib.scenario import scenario

PER_SECOND = 5_000
ADDED_SECONDS_MAX = 0.005
SECONDS = 4
ATTEMPTS = 3
# A p99 without the journal above this tells that the machine has other work.
BUSY_SECONDS = 0.003


class TooSlow(Exception):
    """This machine did not send at the wanted rate; nothing was measured."""


def p99(world, durability):
    names = [f"u{n}" for n in range(1000)]
    server = world.server(name=durability, users=names, durability=durability,
                          limits={"trusted_sources": ["127.0.0.0/8"]}, log={"level": "warn"})
    load = RegisterLoad(server, names)
    load.run_paced(1.5, PER_SECOND)
    times = load.run_paced(SECONDS, PER_SECOND)
    load.close()
    server.stop()
    if load.rate < 0.9 * PER_SECOND:
        raise TooSlow(f"only {load.rate:.0f} REGISTER/s were sent")
    return times[int(len(times) * 0.99)]


@scenario("register-5000-per-second", seconds=120, stand_in=False)
def journal_cost(world):
    """`durability = "process"` adds at most 5 ms to the p99 at 5,000 REGISTER/s.

    Other work on the machine is seen by the run without the journal too. Where that alone is slow, nothing can be said,
    and the line says so.
    """
    seen = []
    for _ in range(ATTEMPTS):
        try:
            without, waits = p99(world, "memory"), p99(world, "process")
        except TooSlow as reason:
            world.note(f"not measured: {reason}")
            continue
        figures = f"p99 {waits * 1000:.1f} ms against {without * 1000:.1f} ms"
        if waits - without <= ADDED_SECONDS_MAX:
            world.notes = [figures]
            return
        if without > BUSY_SECONDS:
            world.note(f"machine too busy: {figures}")
        else:
            seen.append(figures)
    if len(seen) == ATTEMPTS:
        raise Failure(f"with and without the journal: {', '.join(seen)}")
    world.notes += seen
