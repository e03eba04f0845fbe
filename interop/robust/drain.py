"""SIGTERM: what is under way may end, what is new is refused."""

import os
import signal
import time

from lib.processes import Failure
from robust.program import program


@program("sigterm", seconds=60, seconds_long=60)
def sigterm(run):
    """SIGTERM while a phone rings: the call is answered, new requests get 503, the process ends with 0."""
    server = run.server()
    alice, bob, carol = (run.world.peer(name, server) for name in ("alice", "bob", "carol"))
    bob.register()
    call = alice.invite(bob.aor, authorize=False)
    incoming = bob.incoming()
    incoming.reply(180, "Ringing")
    call.expect(180)
    os.kill(server.process.pid, signal.SIGTERM)
    began = time.monotonic()
    status = None
    # The signal takes a moment; what came before it is served.
    while status != 503:
        if time.monotonic() > began + 5:
            raise Failure(f"new requests get {status} after SIGTERM")
        status = carol.transact(carol.request("OPTIONS", f"sip:{server.domain}"), 3).status if server.process.running else "nothing"
        if not server.process.running:
            raise Failure(f"the server ended with {server.process.code} while a phone was ringing")
    incoming.reply(200, "OK")
    call.answered()
    # Established calls hold no state: a server that waits for nothing else may be gone before the ACK.
    try:
        incoming.expect_ack(2)
        acknowledged = "the ACK arrived"
    except Failure:
        acknowledged = "the ACK did not arrive"
    code = server.process.wait(40)
    run.figure(f"ringing call answered, {acknowledged}; new request {status}, ended with {code} after "
               f"{time.monotonic() - began:.1f} s")
    run.must(code == 0, f"the server ended with {code}: {server.process.log()[-500:]}")
