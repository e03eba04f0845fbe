"""Forwarding between users, loops, forking, redirect, failures of the next hop, and the server's own answers."""

import threading
import time

from lib import sip
from lib.processes import Failure
from lib.scenario import scenario
from lib.wire import Wire


def register_at(world, server, user, *contacts):
    peer = world.peer(user, server)
    peer.register(contact=", ".join(contacts))
    return peer


@scenario("forward-to-other-user", stand_in=False)
def forward(world):
    """alice's contact is sip:bob@ the same server: a call to alice rings bob (a spiral, no loop)."""
    server = world.server(users=["alice", "bob", "carol"])
    for contact in (f"<sip:bob@{server.domain}>", f"<sip:bob@{server.host_port}>"):
        alice = register_at(world, server, "alice", contact)
        bob = world.peer("bob", server)
        bob.register()
        carol = world.peer("carol", server)
        out = carol.invite(alice.aor)
        incoming = bob.incoming()
        incoming.reply(200, "OK")
        out.answered()
        incoming.expect_ack()
        out.hang_up(incoming)
        alice.transact(alice.register_request(contact="*", expires=0))
        bob.transact(bob.register_request(contact="*", expires=0))


@scenario("loop-own-aor", stand_in=False)
def own_aor(world):
    """A contact that is its own address of record: 482."""
    server = world.server()
    register_at(world, server, "alice", f"<sip:alice@{server.domain}>")
    bob = world.peer("bob", server)
    with Wire(server) as wire:
        bob.invite(f"sip:alice@{server.domain}").expect_final(482)
        world.note(f"{wire.count()} messages to the server")


@scenario("loop-two-contacts", stand_in=False)
def two_loops(world):
    """Two contacts that lead back, at one user and at two: an end within seconds and few messages (RFC 5393)."""
    server = world.server(users=["alice", "bob", "carol"])
    carol = world.peer("carol", server)
    loops = [f"<sip:alice@{server.domain};n={n}>" for n in (1, 2)]
    register_at(world, server, "alice", *loops)
    with Wire(server) as wire:
        final = carol.invite(f"sip:alice@{server.domain}").expect_final(range(400, 700), 10)
        time.sleep(0.5)
        counts = [wire.count()]
    world.note(f"one user: {final.status} after {counts[0]} messages")
    both = [f"<sip:alice@{server.domain}>", f"<sip:bob@{server.domain}>"]
    for user in ("alice", "bob"):
        peer = world.peer(user, server)
        peer.transact(peer.register_request(contact="*", expires=0))
        peer.register(contact=", ".join(both))
    with Wire(server) as wire:
        final = carol.invite(f"sip:alice@{server.domain}").expect_final(range(400, 700), 20)
        time.sleep(0.5)
        counts.append(wire.count())
    world.note(f"two users: {final.status} after {counts[1]} messages")
    if max(counts) > 600:
        raise Failure(f"{counts} messages reached the server")


@scenario("fork-parallel")
def fork(world):
    """Two phones of one user ring together; the first 200 wins, the other gets CANCEL and its 487 is acknowledged."""
    server = world.server()
    alice = world.peer("alice", server)
    desk, mobile = world.peer("bob", server), world.peer("bob", server, transport="tcp")
    desk.register()
    mobile.register()
    out = alice.invite(desk.aor)
    first, second = desk.incoming(), mobile.incoming()
    first.reply(180, "Ringing")
    second.reply(180, "Ringing")
    out.expect(180)
    out.expect(180)
    second.reply(200, "OK")
    out.answered()
    second.expect_ack()
    cancel = desk.expect_request("CANCEL")
    desk.reply(cancel, 200)
    first.reply(487, "Request Terminated")
    first.expect_ack()
    out.hang_up(second)


@scenario("fork-serial-by-q", stand_in=False)
def serial(world):
    """The contact of higher q rings first; the other only after it declined."""
    server = world.server()
    alice = world.peer("alice", server)
    low, high = world.peer("bob", server), world.peer("bob", server)
    low.register(contact=f"{low.contact};q=0.3")
    high.register(contact=f"{high.contact};q=0.9")
    out = alice.invite(high.aor)
    first = high.incoming()
    low.expect_nothing(lambda m: m.method == "INVITE", 0.3, "the contact of higher q has not answered")
    first.reply(486, "Busy Here")
    first.expect_ack()
    second = low.incoming()
    second.reply(200, "OK")
    out.answered()
    second.expect_ack()
    out.hang_up(second)


@scenario("fork-best-response")
def best(world):
    """486 and 404 make 404 (lowest of the class); 603 ends the other branch at once."""
    server = world.server()
    alice = world.peer("alice", server)
    one, two = world.peer("bob", server), world.peer("bob", server)
    one.register()
    two.register()
    out = alice.invite(one.aor)
    one.incoming().reply(486, "Busy Here")
    two.incoming().reply(404, "Not Found")
    out.expect_final({404, 486})
    out = alice.invite(one.aor)
    first, second = one.incoming(), two.incoming()
    second.reply(180, "Ringing")
    out.expect(180)
    first.reply(603, "Decline")
    cancel = two.expect_request("CANCEL")
    two.reply(cancel, 200)
    second.reply(487, "Request Terminated")
    out.expect_final(603)


@scenario("cancel-held-until-provisional")
def early_cancel(world):
    """CANCEL before any provisional: 200 to the caller at once, CANCEL to the callee only after its 180."""
    server = world.server()
    alice, bob = world.peer("alice", server), world.peer("bob", server)
    bob.register()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    if out.cancel().status != 200:
        raise Failure("the CANCEL was not answered with 200")
    bob.expect_nothing(lambda m: m.method == "CANCEL", 0.3, "no provisional was sent yet (RFC 3261 §9.1)")
    incoming.reply(180, "Ringing")
    bob.reply(bob.expect_request("CANCEL"), 200)
    incoming.reply(487, "Request Terminated")
    incoming.expect_ack()
    out.expect_final(487)


@scenario("redirect-mode", stand_in=False)
def redirect(world):
    """`mode = "redirect"`: 302 with the contacts, nothing is forwarded."""
    server = world.server(routing={"mode": "redirect"})
    alice, bob = world.peer("alice", server), world.peer("bob", server)
    bob.register()
    final = alice.invite(bob.aor).expect_final(302)
    if [sip.uri_of(c) for c in final.all("contact")] != [sip.uri_of(bob.contact)]:
        raise Failure(f"the 302 lists {final.all('contact')}")
    bob.expect_nothing(lambda m: m.method == "INVITE", 0.2, "the server only redirects")


@scenario("closed-port-fails-fast", stand_in=False)
def closed_port(world):
    """The callee's port is closed: ICMP ends the branch at once, not after 32 s."""
    server = world.server()
    alice, bob = world.peer("alice", server), world.peer("bob", server)
    bob.register()
    bob.close()
    began = time.monotonic()
    final = alice.invite(bob.aor).expect_final(range(400, 600), 5)
    took = time.monotonic() - began
    world.note(f"{final.status} after {took * 1000:.0f} ms")
    if took > 1.5:
        raise Failure(f"{final.status} came only after {took:.1f} s")


@scenario("dead-tcp-flow-fails-fast", stand_in=False)
def dead_flow(world):
    """A phone behind NAT whose connection is gone: refused at once, its private address is never dialled."""
    server = world.server()
    alice = world.peer("alice", server)
    bob = world.peer("bob", server, transport="tcp", behind="10.9.9.9:5060")
    bob.register()
    bob.close()
    time.sleep(0.1)
    began = time.monotonic()
    final = alice.invite(bob.aor).expect_final({410, 430, 480, 404, 503, 500, 408}, 5)
    took = time.monotonic() - began
    world.note(f"{final.status} after {took * 1000:.0f} ms")
    if took > 1.5:
        raise Failure(f"{final.status} came only after {took:.1f} s")


@scenario("own-answers", stand_in=False)
def own_answers(world):
    """OPTIONS with Allow, Accept, Supported; 404, 480, 405, 481, 483, 420, 416, 403 where they belong."""
    server = world.server()
    alice, bob = world.peer("alice", server), world.peer("bob", server)
    alice.register()

    def ask(method, uri, status, *headers, authorize=True, to=None):
        final = alice.transact(alice.request(method, uri, headers=headers, to=to), authorize=authorize)
        if final.status != status:
            raise Failure(f"{method} {uri}: {final.start}, wanted {status}")
        return final

    answer = ask("OPTIONS", f"sip:{server.domain}", 200)
    for field in ("allow", "accept", "supported"):
        if answer.get(field) is None:
            raise Failure(f"the answer to OPTIONS has no {field}")
    ask("OPTIONS", f"sip:nobody@{server.domain}", 404)
    ask("MESSAGE", f"sip:bob@{server.domain}", 480)
    ask("INFO", f"sip:{server.domain}", 405)
    ask("BYE", f"sip:{server.domain}", 481, to=f"<sip:{server.domain}>;tag=gone")
    ask("OPTIONS", f"sip:bob@{server.domain}", 420, ("Proxy-Require", "x-unknown"))
    ask("OPTIONS", "weird:bob", 416)
    for method, allowed in (("MESSAGE", {483}), ("OPTIONS", {483, 200})):
        zero = alice.request(method, f"sip:bob@{server.domain}")
        zero.set("Max-Forwards", "0")
        final = alice.transact(zero)
        if final.status not in allowed:
            raise Failure(f"{method} with Max-Forwards 0: {final.start}")
    ask("OPTIONS", f"sip:{server.domain}", 407, authorize=False)
    foreign = alice.request("INVITE", "sip:x@elsewhere.invalid", contact=alice.contact)
    foreign.set("From", "<sip:y@abroad.invalid>;tag=1")
    if alice.transact(foreign).status != 403:
        raise Failure("a request between two foreign domains was not refused")
    local = alice.request("INVITE", f"sip:bob@{server.domain}", contact=alice.contact)
    local.set("From", "<sip:y@abroad.invalid>;tag=1")
    if alice.transact(local).status != 403:
        raise Failure("a stranger's call was not refused")
    stray = alice.request("CANCEL", f"sip:bob@{server.domain}")
    if alice.transact(stray, authorize=False).status != 481:
        raise Failure("a CANCEL for nothing was not answered with 481")


@scenario("unknown-method-and-headers-pass")
def transparency(world):
    """A method nobody knows, odd header fields in order and octets that are no UTF-8 arrive untouched."""
    server = world.server()
    alice, bob = world.peer("alice", server), world.peer("bob", server)
    bob.register()
    fields = [("X-Odd", "one"), ("x-odd", "two;a=\"b,c\""), ("X-Latin", "caf\udce9"), ("Subject", "a"), ("X-Odd", "three")]
    request = alice.request("FLIBBLE", bob.aor, headers=fields, body=b"\x00\xff\r\n\r\nbinary")
    request.add("Content-Type", "application/octet-stream")

    got = []

    def answer():
        arrived = bob.expect_request("FLIBBLE", 8)
        got.append(arrived)
        bob.reply(arrived, 299, "Odd")
    waiting = threading.Thread(target=answer, daemon=True)
    waiting.start()
    final = alice.transact(request)
    waiting.join(1)
    if final.status != 299 or not final.start.endswith("Odd"):
        raise Failure(f"the answer became {final.start}")
    names = {n.lower() for n, _ in fields}
    arrived = [(n, v) for n, v in got[0].headers if n.lower() in names]
    if arrived != fields or got[0].body != request.body:
        raise Failure(f"arrived as {arrived} with body {got[0].body!r}")


@scenario("lossy-calls", seconds=60)
def lossy(world):
    """A tenth of all datagrams lost at both phones: every call is still set up and ended."""
    server = world.server(timers={"t1_ms": 100})
    alice = world.peer("alice", server, loss=0.1, seed=11)
    bob = world.peer("bob", server, loss=0.1, seed=12)
    bob.register(seconds=20)
    for _ in range(5):
        callee = threading.Thread(target=answer_whole_call, args=(bob,), daemon=True)
        callee.start()
        out = alice.invite(bob.aor)
        out.answered(20)
        if out.bye(20).status != 200:
            raise Failure("the BYE was not answered with 200")
        callee.join(5)
    lost = sum(peer.lost for peer in (alice, bob))
    world.note(f"{lost} of {len(world.messages)} messages lost")


def answer_whole_call(phone):
    """180, then 200 again and again until ACK, then 200 to BYE."""
    incoming = phone.incoming(20)
    incoming.reply(180, "Ringing")
    answer = incoming.reply(200, "OK")
    phone.expect("an ACK", lambda m: m.method == "ACK" and m.call_id == incoming.call_id, 20, resend=answer)
    phone.reply(phone.expect_request("BYE", 20, incoming.call_id), 200)
