"""Scripts written for Kamailio, under Debian's Kamailio and under ours: every peer must receive the same."""

import os

from kamailio import (BENCH, COVERAGE, EXAMPLE, FUNCTIONS, REPLIES, rows_bench, rows_calls, rows_coverage,  # noqa: F401
                      rows_forks, rows_functions, rows_nat, rows_registration, rows_requests, rows_seed2, rows_silence)
from lib.kamailio import ADDRESSES, servers
from lib.scenario import OnDemand, scenario
from lib.trial import compare

SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kamailio")


def script(name):
    return os.path.join(SCRIPTS, name)


def own(world, name):
    """The settings of a server that runs a script of ours."""
    destinations = os.path.join(world.root, "dispatcher.list")
    with open(destinations, "w", encoding="ascii") as out:
        out.write("1 sip:127.0.0.1:5999 0 0\n2 sip:127.0.0.71 0 0\n")
    return {"config": script("coverage.cfg"), "local": ADDRESSES,
            "defines": lambda _server: [f'SCRIPT="{script(name)}"', f'DESTINATIONS="{destinations}"']}


@scenario("kamailio-example", seconds=120)
def example(world):
    """The example of Kamailio's package, unedited, row by row."""
    compare(world, EXAMPLE, *servers(world, EXAMPLE.users()))


@scenario("kamailio-coverage", seconds=40)
def coverage(world):
    """What the functions of the script interface return that the example does not reach."""
    compare(world, COVERAGE, *servers(world, **own(world, "coverage.lua")))


@scenario("kamailio-functions", seconds=60)
def functions(world):
    """What the functions that messages are read and changed with answer, for many arguments."""
    compare(world, FUNCTIONS, *servers(world, **own(world, "functions.lua")))


@scenario("kamailio-seed2", seconds=100)
def seed2(world):
    """404 and 403 from a script, in request and failure routes, with and without a transaction; and the counters."""
    compare(world, REPLIES, *servers(world, **own(world, "seed2.lua")), at_once=1)


@scenario("kamailio-bench-kemi", seconds=20)
def bench_kemi(world):
    """The script of the speed comparison: `STROWGER_BENCH_KEMI` names the folder of bench-kemi.cfg and bench.lua."""
    folder = os.environ.get("STROWGER_BENCH_KEMI")
    if not folder:
        raise OnDemand("STROWGER_BENCH_KEMI is not set")
    config, lua = (os.path.join(os.path.abspath(folder), name) for name in ("bench-kemi.cfg", "bench.lua"))
    compare(world, BENCH, *servers(world, config=config, defines=lambda server: [
        f"BENCH_PORT={server.port}", "BENCH_CHILDREN=1", f'BENCH_LUA="{lua}"']))
