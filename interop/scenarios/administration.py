"""What an operator sees: status, statistics, live requests, metrics."""

import time
import urllib.error
import urllib.request

from lib.processes import Failure
from lib.scenario import scenario


def fetch(server, path, host=None):
    request = urllib.request.Request(f"http://127.0.0.1:{server.admin_port}{path}")
    if host:
        request.add_header("Host", host)
    try:
        with urllib.request.urlopen(request, timeout=3) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@scenario("admin-metrics", stand_in=False)
def metrics(world):
    server = world.server()
    world.peer("alice", server).register()
    for path in ("/health", "/ready"):
        if fetch(server, path)[0] != 200:
            raise Failure(f"{path}: {fetch(server, path)}")
    code, text = fetch(server, "/metrics")
    if code != 200 or "# TYPE" not in text or "strowger_" not in text:
        raise Failure(f"/metrics: {code}\n{text[:2000]}")
    if fetch(server, "/metrics", "evil.example")[0] == 200:
        raise Failure("a foreign Host header field was accepted")
    world.note(f"{text.count('# TYPE')} metrics")


@scenario("admin-status-and-stats", stand_in=False)
def status(world):
    server = world.server()
    world.peer("alice", server).register()
    shown = server.cli_json("status")
    listed = server.cli_json("reg", "list")
    stats = server.cli_json("stats")
    for what, value in (("status", shown), ("reg list", listed), ("stats", stats)):
        if not value:
            raise Failure(f"{what} --json shows {value!r}")
    if "alice" not in str(listed):
        raise Failure(f"reg list does not show alice: {listed}")


@scenario("admin-watch", stand_in=False)
def watch(world):
    """`watch` shows a registration, a call and a refusal while they happen."""
    server = world.server()
    watching = world.start("watch", [server.binary, "watch", "-c", server.config], server.directory)
    alice, bob = world.peer("alice", server), world.peer("bob", server)
    time.sleep(0.5)
    bob.register()
    watching.expect_log("REGISTER", 5)
    alice.invite(f"sip:nobody@{server.domain}").expect_final(404)
    watching.expect_log("404", 5)
