"""Registrations: digest, expiry, removal, what the registrar refuses."""

from lib import sip
from lib.trial import finals, one_final

from . import EXAMPLE as rows


def again(peer, request, cseq=None):
    """`request` with the next CSeq (or this one) and a new branch."""
    second = sip.Message(request.start, request.headers, request.body)
    peer.cseq = max(peer.cseq, request.cseq[0]) + 1
    number = peer.cseq if cseq is None else cseq
    return second.set("Via", peer.new_via()).set("CSeq", f"{number} {request.method}")


def registered(peer, **options):
    """Register by hand; the request that was accepted."""
    request = peer.register_request(**options)
    challenge = peer.transact(request, authorize=False)
    second = peer.authorized(request, challenge)
    final = peer.transact(second, authorize=False)
    assert final.status == 200, final.start
    return second


@rows.row(1, "REGISTER without credentials", kamailio=finals("alice", "401 Unauthorized"))
def no_credentials(t):
    alice = t.alice()
    alice.transact(alice.register_request(), authorize=False)


@rows.row(2, "wrong password", kamailio=finals("alice", "401 Unauthorized", "401 Unauthorized"))
def wrong_password(t):
    alice = t.alice(password="wrong")
    alice.transact(alice.register_request())


@rows.row(3, "unknown user", kamailio=finals("nobody", "401 Unauthorized", "401 Unauthorized"))
def unknown_user(t):
    nobody = t.peer("nobody")
    nobody.transact(nobody.register_request())


@rows.row(4, "REGISTER, Expires 300", kamailio=finals("alice", "401 Unauthorized", "200 OK"))
def expires(t):
    t.alice().register(expires=300)


@rows.row(5, "REGISTER without Expires", kamailio=finals("alice", "401 Unauthorized", "200 OK"))
def no_expires(t):
    t.alice().register(expires=None)


@rows.row(6, "the same Authorization again", kamailio=finals("alice", "200 OK"), ours=one_final("alice", 200, 401))
def replay(t):
    alice = t.alice()
    first = registered(alice)
    t.mark()
    alice.transact(again(alice, first), authorize=False)


@rows.row(7, "a lower CSeq", kamailio=finals(
    "alice", "400 Bad Request", "500 I'm terribly sorry, server error occurred (1/SL)"), ours=one_final("alice", 400))
def lower_cseq(t):
    alice = t.alice()
    alice.cseq = 10
    first = registered(alice, call_id="lower-cseq-row")
    t.mark()
    alice.transact(again(alice, first, cseq=5), authorize=False)
    t.quiet()


@rows.row(8, "REGISTER without Contact lists the bindings", kamailio=finals("alice", "401 Unauthorized", "200 OK"))
def query(t):
    alice = t.alice()
    alice.register(expires=300)
    alice.register(contact="<sip:alice@127.0.0.1:9>;q=0.5", expires=600)
    t.mark()
    alice.bindings()


@rows.row(9, "To is another user", kamailio=finals("alice", "401 Unauthorized", "401 Unauthorized"))
def other_user(t):
    alice = t.alice()
    alice.transact(alice.register_request().set("To", f"<sip:bob9@{alice.domain}>"))


@rows.row(10, "Contact: *, Expires: 0", kamailio=finals("alice", "401 Unauthorized", "200 OK", "401 Unauthorized", "200 OK"))
def star(t):
    alice = t.alice()
    alice.register()
    t.mark()
    alice.transact(alice.register_request(contact="*", expires=0))
    alice.bindings()


@rows.row(11, "Contact: * with Expires 300", kamailio=finals(
    "alice", "400 Bad Request", "500 I'm terribly sorry, server error occurred (1/SL)"), ours=one_final("alice", 400))
def star_without_zero(t):
    alice = t.alice()
    registered(alice)
    request = alice.register_request(contact="*", expires=300)
    challenge = alice.transact(request, authorize=False)
    t.mark()
    alice.transact(alice.authorized(request, challenge), authorize=False)
    t.quiet()


@rows.row(12, "Expires 99999, 10 and 0", kamailio=finals("alice", "401 Unauthorized", "200 OK", "401 Unauthorized", "200 OK",
                                                         "401 Unauthorized", "200 OK"))
def expires_limits(t):
    alice = t.alice()
    for seconds in (99999, 10, 0):
        alice.register(expires=seconds)
