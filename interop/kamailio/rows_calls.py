"""Calls: digest for INVITE, record routing, requests inside a dialog, CANCEL, final answers."""

from lib import sip
from lib.processes import Failure
from lib.trial import both, finals, nothing, one_final, starts

from . import EXAMPLE as rows


TRYING = "100 trying -- your call is important to us"


@rows.row(13, "INVITE without credentials", kamailio=both(
    starts("alice", "407 Proxy Authentication Required"), nothing("bob")))
def no_credentials(t):
    bob, alice = t.bob(), t.alice()
    t.mark()
    request = alice.request("INVITE", bob.aor, contact=alice.contact, body=sip.sdp())
    alice.transact(request, authorize=False)
    t.quiet()


@rows.row(14, "INVITE with credentials", kamailio=both(
    starts("alice", "407 Proxy Authentication Required", TRYING, "180 Ringing", "200 OK"), starts("bob", "INVITE")))
def call(t):
    alice, bob = t.alice(), t.bob()
    t.mark()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    incoming.reply(180, "Ringing")
    out.expect(180)
    incoming.reply(200, "OK")
    out.expect(200)


@rows.row(15, "ACK with Route", kamailio=starts("bob", "ACK"))
def ack(t):
    alice, bob = t.alice(), t.bob()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    incoming.reply(200, "OK")
    t.mark()
    out.answered()
    incoming.expect_ack()


@rows.row(16, "200 again from the callee", again="count", kamailio=starts("alice", "200 OK"))
def ok_again(t):
    alice, bob = t.alice(), t.bob()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    t.mark()
    answer = incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    bob.send(answer)
    t.quiet()
    bob.send(answer)


@rows.row(17, "re-INVITE from the callee", kamailio=both(starts("alice", "INVITE", "ACK"), starts("bob", TRYING, "200 Answer")))
def reinvite(t):
    out, incoming = t.call()
    t.mark()
    incoming.reinvite(out)


@rows.row(18, "BYE, and BYE again with a new transaction", kamailio=both(
    starts("bob", "BYE", "BYE"), finals("alice", "200 Answer", "481 Call Does Not Exist")))
def bye(t):
    out, incoming = t.call()
    t.mark()
    out.hang_up(incoming)
    second = out.request("BYE")
    out.peer.send(second)
    incoming.peer.reply(incoming.peer.expect_request("BYE"), 481, "Call Does Not Exist")
    out.peer.expect_response(second, 481)


@rows.row(19, "BYE and INFO in the dialog without Route", kamailio=both(
    finals("alice", "404 Not here", "404 Not here"), nothing("bob")))
def no_route(t):
    out, _incoming = t.call()
    out.routes = []
    t.mark()
    for method in ("BYE", "INFO"):
        out.peer.transact(out.request(method), authorize=False)


@rows.row(20, "ACK with a To tag, no Route, no transaction", kamailio=both(nothing("alice"), nothing("bob")))
def stray_ack(t):
    alice, bob = t.alice(), t.bob()
    t.mark()
    alice.send(alice.request("ACK", bob.aor, to=f"<{bob.aor}>;tag=not-of-this-call"))
    t.quiet()


@rows.row(21, "INVITE to a user who is not registered", again="times", kamailio=starts("alice", "404 Not Found"))
def not_registered(t):
    alice = t.alice()
    request = alice.request("INVITE", "sip:bob21@kam.test", contact=alice.contact, body=sip.sdp())
    challenge = alice.transact(request, authorize=False)
    request = alice.authorized(request, challenge)
    t.mark()
    alice.send(request)
    final = alice.expect_response(request, 404)
    t.quiet(2)
    alice.acknowledge(request, final)
    t.quiet(2.5)


@rows.row(22, "CANCEL while it rings", kamailio=both(
    starts("alice", "200 canceling", "487 Request Terminated"), starts("bob", "CANCEL", "ACK")))
def cancel(t):
    alice, bob = t.alice(), t.bob()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    incoming.reply(180, "Ringing")
    out.expect(180)
    t.mark()
    out.cancel()
    bob.reply(bob.expect_request("CANCEL"), 200, "OK")
    incoming.reply(487, "Request Terminated")
    out.expect_final(487)
    incoming.expect_ack()
    t.quiet()


@rows.row(23, "CANCEL before the callee answers at all", again="count", kamailio=both(
    starts("alice", "407 Proxy Authentication Required", TRYING, "200 canceling", "487 Request Terminated"),
    starts("bob", "INVITE", "CANCEL", "ACK")))
def early_cancel(t):
    alice, bob = t.alice(), t.bob()
    t.mark()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    out.cancel()
    t.quiet(0.2)
    if bob.take(lambda m: m.method == "CANCEL") is not None:
        raise Failure("bob got the CANCEL before his first answer")
    incoming.reply(180, "Ringing")
    bob.reply(bob.expect_request("CANCEL"), 200, "OK")
    incoming.reply(487, "Request Terminated")
    out.expect_final(487)
    incoming.expect_ack()


@rows.row(24, "CANCEL without a transaction", kamailio=nothing("alice"), ours=one_final("alice", 481))
def stray_cancel(t):
    alice = t.alice()
    alice.send(alice.request("CANCEL", "sip:bob24@kam.test"))
    t.quiet(1)


@rows.row(25, "200 crosses CANCEL", kamailio=both(
    starts("alice", "200 canceling", "200 OK"), starts("bob", "CANCEL", "ACK")))
def crossing(t):
    alice, bob = t.alice(), t.bob()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    incoming.reply(180, "Ringing")
    out.expect(180)
    t.mark()
    out.cancel()
    cancelled = bob.expect_request("CANCEL")
    incoming.reply(200, "OK")
    bob.reply(cancelled, 200, "OK")
    out.answered()
    incoming.expect_ack()


@rows.row(26, "486, 603 and 302 from the callee", kamailio=both(
    finals("alice", *(["407 Proxy Authentication Required", "486 Busy Here", "407 Proxy Authentication Required", "603 Decline",
                       "407 Proxy Authentication Required", "302 Moved Temporarily"])),
    starts("bob", "INVITE", "ACK", "INVITE", "ACK", "INVITE", "ACK")))
def refusals(t):
    alice, bob = t.alice(), t.bob()
    t.mark()
    for status, reason in ((486, "Busy Here"), (603, "Decline"), (302, "Moved Temporarily")):
        out = alice.invite(bob.aor)
        incoming = bob.incoming()
        headers = [("Contact", "<sip:elsewhere@127.0.0.1:9>")] if status == 302 else []
        bob.reply(incoming.invite, status, reason, contact=False, headers=headers)
        out.expect_final(status)
        incoming.expect_ack()


@rows.row(47, "the INVITE again while it rings", again="count", kamailio=both(
    starts("alice", "180 Ringing", "200 canceling", "487 Request Terminated"), starts("bob", "CANCEL", "ACK")))
def invite_again(t):
    alice, bob = t.alice(), t.bob()
    out = alice.invite(bob.aor)
    incoming = bob.incoming()
    incoming.reply(180, "Ringing")
    out.expect(180)
    t.mark()
    alice.send(out.invite)
    t.quiet(0.4)
    alice.send(out.invite)
    t.quiet(0.4)
    out.cancel()
    bob.reply(bob.expect_request("CANCEL"), 200, "OK")
    incoming.reply(487, "Request Terminated")
    out.expect_final(487)


@rows.row(58, "NOTIFY in the dialog gets a Record-Route", kamailio=both(starts("alice", "NOTIFY"), finals("bob", "200 OK")))
def notify(t):
    out, incoming = t.call()
    t.mark()
    request = incoming.request("NOTIFY")
    request.add("Event", "refer").add("Subscription-State", "active")
    incoming.peer.send(request)
    out.peer.reply(out.peer.expect_request("NOTIFY"), 200, "OK")
    incoming.peer.expect_response(request, 200)


@rows.row(60, "a call over TCP to a callee on UDP", kamailio=both(
    starts("alice", "407 Proxy Authentication Required", TRYING, "180 Ringing", "200 OK", "200 Answer"),
    starts("bob", "INVITE", "ACK", "BYE")))
def tcp_to_udp(t):
    alice, bob = t.alice(transport="tcp"), t.bob()
    t.mark()
    out, incoming = t.call(alice, bob)
    out.hang_up(incoming)
