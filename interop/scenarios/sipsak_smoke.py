"""sipsak registers, pings and sends a MESSAGE (UDP over IPv4, all it knows)."""

import threading

from lib.processes import Failure
from lib.scenario import scenario
from lib.sipsak import Sipsak


@scenario("sipsak-register-message")
def register_and_message(world):
    server = world.server()
    bob = world.peer("bob", server)
    bob.register()
    alice = Sipsak(world, server, "alice")
    code, text = alice.register()
    if code != 0:
        raise Failure(f"sipsak -U ended with {code}\n{text}")

    got = []

    def answer():
        request = bob.expect_request("MESSAGE", 10)
        got.append(request)
        bob.reply(request, 200)

    waiting = threading.Thread(target=answer, daemon=True)
    waiting.start()
    code, text = alice.message("bob", "Hello from sipsak")
    waiting.join(1)
    if code != 0:
        raise Failure(f"sipsak -f ended with {code}\n{text}")
    if not got or got[0].body != b"Hello from sipsak":
        raise Failure(f"bob got {got[0].body if got else 'no MESSAGE'}\n{text}")


@scenario("sipsak-options")
def options(world):
    server = world.server(users=["sipsak"])
    code, text = Sipsak(world, server, "sipsak").options(f"sip:{server.host_port}")
    if code != 0:
        raise Failure(f"sipsak ended with {code}\n{text}")
