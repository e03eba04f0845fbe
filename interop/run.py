#!/usr/bin/env python3
"""Interop: real phones and hand-made peers against a running server, on loopback only.

    python3 interop/run.py --server target/release/strowger [--only NAME]... [--list]

`--only` takes whole names or their beginnings. `--stand-in kamailio` runs what applies against
Debian's Kamailio, to tell a fault of the harness from one of the server. Exit code 0: all passed.
"""

import argparse
import importlib
import os
import pkgutil
import shutil
import signal
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from lib.processes import Failure  # noqa: E402
from lib.scenario import ALL, OnDemand, Skip  # noqa: E402
from lib.world import World  # noqa: E402


class OutOfTime(BaseException):
    """The scenario's time limit; no `except Exception` may swallow it."""


def load_scenarios():
    folder = os.path.join(HERE, "scenarios")
    for module in sorted(m.name for m in pkgutil.iter_modules([folder])):
        importlib.import_module(f"scenarios.{module}")


def run_one(scenario, options):
    world = World(scenario.name, options.server, stand_in=bool(options.stand_in), write=options.write,
                  reference_only=options.reference_only, transcripts=options.transcripts)
    began = time.monotonic()
    problem = None
    skipped = None

    def expire(_signal, _frame):
        raise OutOfTime

    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, scenario.seconds)
    try:
        scenario.run(world)
    except Skip as reason:
        skipped, excused = str(reason), options.allow_skip or isinstance(reason, OnDemand)
    except Failure as failure:
        problem = str(failure)
        if options.verbose:
            problem += "\n" + traceback.format_exc()
    except OutOfTime:
        problem = f"took longer than its {scenario.seconds} s\n" + traceback.format_exc()
    except Exception:
        problem = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        took = time.monotonic() - began
        world.close()
    if skipped is not None:
        print(f"skip {scenario.name} ({skipped})", flush=True)
        verdict = "skipped" if excused else "failed"
    elif problem is None:
        notes = f"  ({'; '.join(world.notes)})" if world.notes else ""
        print(f"ok   {scenario.name} {took:.1f} s{notes}", flush=True)
        verdict = "passed"
    else:
        print(f"FAIL {scenario.name} {took:.1f} s: {problem}", flush=True)
        world.report(sys.stdout)
        print(f"=== end of {scenario.name}", flush=True)
        verdict = "failed"
    if options.keep and problem:
        print(f"kept {world.root}")
    else:
        shutil.rmtree(world.root, ignore_errors=True)
    return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=os.path.join(HERE, "..", "target", "release", "strowger"))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--stand-in", choices=["kamailio"])
    parser.add_argument("--reference-only", action="store_true", help="compare nothing, run Kamailio alone (kamailio-*)")
    parser.add_argument("--transcripts", metavar="FOLDER", help="keep what the kamailio-* scenarios' peers received")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder of a failed scenario")
    parser.add_argument("--write", action="store_true", help="write the tables under docs/rfc that scenarios check")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--allow-skip", action="store_true", help="a client that is not installed is no failure")
    options = parser.parse_args()
    options.server = os.path.abspath(options.server)
    load_scenarios()
    chosen = [s for s in ALL if not options.only or any(s.name.startswith(o) for o in options.only)]
    if options.stand_in:
        chosen = [s for s in chosen if s.stand_in]
    if options.list:
        for s in chosen:
            print(f"{s.name}  (at most {s.seconds} s)")
        return 0
    if not chosen:
        print("no scenario has that name; see --list", file=sys.stderr)
        return 2
    if options.reference_only:
        chosen = [s for s in chosen if s.name.startswith("kamailio-")]
    if not (options.stand_in or options.reference_only) and not os.access(options.server, os.X_OK):
        print(f"no server at {options.server}; build it: cargo build --release", file=sys.stderr)
        return 2
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for _ in range(options.repeat):
        for s in chosen:
            counts[run_one(s, options)] += 1
    tail = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{tail}", flush=True)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
