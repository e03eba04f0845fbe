"""`strowger load` against the built server: each scenario is clean in closed and open loop, and what is not clean is told."""

import json
import os
import signal
import time

from lib.processes import Failure
from lib.scenario import scenario
from lib.server import free_port, run_cli

USERS = [str(number) for number in range(1001, 1021)]
TRUSTED = {"trusted_sources": ["127.0.0.0/8"]}
CLOSED = ("--window", "32", "--ops", "1000", "--warm", "100")
OPEN = ("--rate", "400", "--duration", "2s")


def load(server, words, target=None):
    """Run the tool: (exit code, the objects it printed, error output)."""
    words = [server.binary, "load", *words, "--json", "--target", target or f"udp:{server.host_port}",
             "--domain", server.domain]
    code, out, err = run_cli(words, server.directory, 60)
    return code, [json.loads(line) for line in out.splitlines()], err


def accounts(server, password=None):
    """A file of all users with their passwords, or all with a wrong one."""
    path = os.path.join(server.directory, "accounts.csv")
    with open(path, "w", encoding="utf-8") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write("name,password\n" + "".join(f"{u},{password or p}\n" for u, p in server.passwords.items()))
    return path


def password_file(server, user):
    path = os.path.join(server.directory, f"password-{user}")
    with open(path, "w", encoding="utf-8") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(server.passwords[user] + "\n")
    return path


def expect_clean(what, outcome, phases=1):
    code, reports, err = outcome
    if code != 0 or len(reports) != phases:
        raise Failure(f"{what}: exit {code}, {err}\n{json.dumps(reports, indent=1)}")
    for report in reports:
        if not report["clean"] or report["failed"] or report["reasons"] or report["ended"] != "complete":
            raise Failure(f"{what} is not clean: {json.dumps(report, indent=1)}")
        if report["operations"] < 20 or report["latency_us"]["p50"] <= 0:
            raise Failure(f"{what} did too little: {json.dumps(report, indent=1)}")
    return reports


def expect_reason(what, outcome, reason):
    code, reports, err = outcome
    found = [one["reason"] for report in reports for one in report["reasons"]]
    if code != 1 or reason not in found:
        raise Failure(f"{what}: exit {code}, reasons {found}, not {reason}; {err}")


@scenario("load-scenarios", seconds=120, stand_in=False)
def scenarios(world):
    """Every scenario that a server with accounts allows, both loops, with the server's cost."""
    server = world.server(users=USERS, limits=TRUSTED)
    users = ("--accounts", accounts(server))
    caller = ("--from", f"sip:1001@{server.domain}", "--password-file", password_file(server, "1001"))
    runs = {"options": (), "invite-404": caller, "register-auth": users, "message": users, "call": users}
    for name, words in runs.items():
        pid = ("--pid", str(server.process.pid))
        closed = expect_clean(f"{name}, closed loop", load(server, (name, *CLOSED, *words, *pid)))[0]
        if ("407" in closed["statuses"]) != (name in ("invite-404", "message", "call")):
            raise Failure(f"{name}: challenged or not: {closed['statuses']}")
        if closed["operations"] != 1000 or closed["server"]["cpu_us_per_operation"] <= 0:
            raise Failure(f"{name}: {json.dumps(closed, indent=1)}")
        hold = ("--hold", "100ms") if name == "call" else ()
        opened = expect_clean(f"{name}, open loop", load(server, (name, *OPEN, *words, *hold)))[0]
        if not 760 <= opened["operations"] <= 800:
            raise Failure(f"{name} did {opened['operations']} operations at 400/s in 2 s")
        world.note(f"{name} {closed['operations_per_second']:.0f}/s")
    if server.cli_json("reg", "list")["total"]:
        raise Failure(f"contacts were left: {server.cli_json('reg', 'list')}")


@scenario("load-register", seconds=60, stand_in=False)
def register(world):
    """A server without passwords: fresh registrations, then refreshes, which `--keep` leaves; the rest needs no option."""
    server = world.server(auth={"required": False}, limits=TRUSTED)
    for name in ("options", "invite-404", "message", "call"):
        expect_clean(name, load(server, (name, *CLOSED)))
    words = ("--prefix", "phone", "--from-number", "0001", "--users", "200")
    fresh, refresh = expect_clean("register", load(server, ("register", *CLOSED, *words, "--keep")), 2)
    if (fresh["phase"], fresh["operations"], refresh["phase"], refresh["operations"]) != ("fresh", 200, "refresh", 1000):
        raise Failure(f"phases: {json.dumps([fresh, refresh], indent=1)}")
    if "phone0200" not in str(server.cli_json("reg", "list", "phone0200")):
        raise Failure("the last user is not registered")
    expect_reason("a second run beside the contacts of the first",
                  load(server, ("register", *CLOSED, *words)), "other_contacts")


@scenario("load-not-clean", seconds=60, stand_in=False)
def not_clean(world):
    """Exit codes and reasons: nobody there, wrong passwords, users without credentials, a host of others."""
    server = world.server(users=USERS, limits=TRUSTED)
    nobody = f"udp:127.0.0.1:{free_port()}"
    expect_reason("nobody there", load(server, ("options", "--ops", "50"), nobody), "unreachable")
    wrong = ("--accounts", accounts(server, "wrong"))
    expect_reason("a wrong password", load(server, ("register-auth", "--ops", "50", *wrong)), "password_refused")
    expect_reason("no password", load(server, ("register", "--ops", "50", "--users", "20")), "status_401")
    code, reports, err = load(server, ("options", "--ops", "1"), "udp:192.0.2.1:5060")
    if code != 2 or "--i-may-load-this-host 192.0.2.1" not in reports[0].get("fix", ""):
        raise Failure(f"a public address: exit {code}, {reports}, {err}")


@scenario("load-signal", seconds=30, stand_in=False)
def ended_by_signal(world):
    """Ctrl-C: calls that stand get their BYE, contacts are removed, and the report says what was done."""
    server = world.server(users=USERS, limits=TRUSTED)
    process = world.start("load", [server.binary, "load", "call", "--target", f"udp:{server.host_port}", "--domain",
                                   server.domain, "--accounts", accounts(server), "--rate", "50", "--hold", "20s",
                                   "--duration", "60s", "--json"], server.directory)
    time.sleep(2)
    os.kill(process.pid, signal.SIGINT)
    if process.wait(10) != 0:
        raise Failure(f"exit {process.code}: {process.log()}")
    report = json.loads(process.log().splitlines()[-1])
    if report["ended"] != "interrupted" or not report["clean"] or report["operations"] < 20:
        raise Failure(json.dumps(report, indent=1))
    if server.cli_json("reg", "list")["total"]:
        raise Failure("contacts were left")
