#!/usr/bin/env python3
"""Robustness over the wire: one program per claim, against a running server, on loopback only.

    python3 interop/robust/run.py [--server target/release/strowger] [--only NAME]... [--long] [--list]

Short runs take seconds and judge what is right or wrong; long ones have the full size and judge times as well. Each prints one
line of figures. As root everything happens in a network and a mount namespace of its own. Exit code 0: all held.
"""

import argparse
import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))

from lib.processes import Failure  # noqa: E402
from robust.program import ALL, Run, Skipped  # noqa: E402

MODULES = ("mutate", "lossy", "floods", "connections", "name_servers", "disk", "reload", "soak", "drain")
INSIDE = "STROWGER_ROBUST_INSIDE"


class OutOfTime(BaseException):
    """The program's time limit; no `except Exception` may swallow it."""


def enclose():
    """Begin anew in namespaces of our own, where only loopback exists and mounts end with us."""
    if os.environ.get(INSIDE) or os.geteuid() != 0 or shutil.which("unshare") is None:
        return bool(os.environ.get(INSIDE))
    words = ["unshare", "--net", "--mount", "--propagation", "private", "--"]
    bring_up = "ip link set lo up && exec \"$@\""
    if subprocess.run([*words, "sh", "-c", bring_up, "sh", "true"], capture_output=True, check=False).returncode != 0:
        return False
    os.environ[INSIDE] = "1"
    os.execvp("unshare", [*words, "sh", "-c", bring_up, "sh", sys.executable, *sys.argv])
    return True


def run_one(program, options, enclosed):
    run = Run(program.name, options, enclosed)
    began = time.monotonic()
    problem = skipped = None

    def expire(_signal, _frame):
        raise OutOfTime

    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, program.seconds_long if options.long else program.seconds)
    try:
        program.run(run)
    except Skipped as reason:
        skipped = str(reason)
    except Failure as failure:
        problem = str(failure)
    except OutOfTime:
        problem = "out of time\n" + traceback.format_exc()
    except Exception:
        problem = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        took = time.monotonic() - began
        run.close()
    figures = "; ".join(run.figures)
    if skipped is not None:
        print(f"skip {program.name} ({skipped})", flush=True)
    elif problem is None:
        print(f"ok   {program.name} {took:.0f} s  {figures}", flush=True)
    else:
        print(f"FAIL {program.name} {took:.0f} s  {figures}\n{problem}", flush=True)
        run.world.report(sys.stdout)
        print(f"=== end of {program.name}", flush=True)
    if options.keep and problem:
        print(f"kept {run.world.root}")
    else:
        shutil.rmtree(run.world.root, ignore_errors=True)
    return problem is None and (skipped is None or options.allow_skip)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=os.path.join(ROOT, "target", "release", "strowger"))
    parser.add_argument("--tool", help="the strowger-robust program [default: beside the server]")
    parser.add_argument("--only", action="append", default=[], help="programs whose name begins so")
    parser.add_argument("--long", action="store_true", help="the full size, and times are judged")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, help="how many messages or calls, where a program counts them")
    parser.add_argument("--minutes", type=float, help="how long the soak takes")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a failed program")
    parser.add_argument("--allow-skip", action="store_true", help="a program that cannot run here is no failure")
    options = parser.parse_args()
    enclosed = enclose()
    # Asked to end, it ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options.server = os.path.abspath(options.server)
    options.tool = os.path.abspath(options.tool or os.path.join(os.path.dirname(options.server), "strowger-robust"))
    for module in MODULES:
        importlib.import_module(f"robust.{module}")
    chosen = [p for p in ALL if not options.only or any(p.name.startswith(o) for o in options.only)]
    if options.list:
        for p in chosen:
            print(f"{p.name}: {p.run.__doc__.splitlines()[0]}")
        return 0
    if not chosen:
        print("no program has that name; see --list", file=sys.stderr)
        return 2
    for path in (options.server, options.tool):
        if not os.access(path, os.X_OK):
            print(f"no program at {path}; build it: cargo build --release -p strowger-server -p strowger-robust", file=sys.stderr)
            return 2
    failed = sum(not run_one(p, options, enclosed) for p in chosen)
    print(f"{len(chosen) - failed} held, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
