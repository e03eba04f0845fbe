"""The registrar's rules on the wire: retransmitted, reordered and doubled REGISTERs (RFC 3261 §10.3)."""

import threading

from lib import sip
from lib.processes import Failure, wait_until
from lib.scenario import scenario


def challenge_of(peer):
    """A fresh challenge, as an unauthenticated REGISTER gets it."""
    request = peer.register_request()
    peer.send(request)
    response = peer.expect_response(request, 401)
    return peer.credentials.pick(response)


def signed(peer, challenge, call_id, cseq, contact=None, expires=600, nc=None):
    request = peer.register_request(contact=contact, expires=expires, call_id=call_id)
    request.set("CSeq", f"{cseq} REGISTER")
    request.set("From", f"<{peer.aor}>;tag=fixed")
    return request.add("Authorization", peer.credentials.value(challenge, "REGISTER", request.request_uri, nc))


def must_be(what, found, wanted):
    if found != wanted:
        raise Failure(f"{what}: {found}, wanted {wanted}")


def uris(values):
    return sorted(sip.uri_of(v) for v in values)


@scenario("register-retransmitted", stand_in=False)
def retransmitted(world):
    """The very same octets six times. While the first waits for the journal its copies are absorbed (§17.2.2);
    later ones get the same answer, octet for octet. One binding."""
    server = world.server()
    alice = world.peer("alice", server)
    request = signed(alice, challenge_of(alice), "retransmitted", 10)
    before = len(world.messages)

    def answers():
        return [o for _, _, arrow, o in world.messages[before:] if arrow == "<-"]

    for _ in range(3):
        alice.send(request)
    alice.expect_response(request, 200)
    for _ in range(3):
        had = len(answers())
        alice.send(request)
        wait_until(lambda: len(answers()) > had, 3, "an answer to a retransmission")
    must_be("different answers", len(set(answers())), 1)
    must_be("bindings", uris(alice.bindings()), uris([alice.contact]))


@scenario("register-reordered", stand_in=False)
def reordered(world):
    """A late REGISTER (lower CSeq, same Call-ID) changes nothing and fails with 500 (step 7)."""
    server = world.server()
    alice = world.peer("alice", server)
    challenge = challenge_of(alice)
    early = signed(alice, challenge, "reordered", 10, nc=1)
    late = signed(alice, challenge, "reordered", 11, nc=2)
    must_be("CSeq 11", alice.transact(late, authorize=False).status, 200)
    must_be("CSeq 10 after 11", alice.transact(early, authorize=False).status, 500)
    must_be("bindings", uris(alice.bindings()), uris([alice.contact]))
    gone = signed(alice, challenge, "reordered", 10, expires=0, nc=3)
    must_be("an unregistration that comes late", alice.transact(gone, authorize=False).status, 500)
    must_be("bindings", uris(alice.bindings()), uris([alice.contact]))
    same = signed(alice, challenge, "reordered", 11, nc=4)
    must_be("an equal CSeq that is no retransmission", alice.transact(same, authorize=False).status, 500)
    last = signed(alice, challenge, "reordered", 12, expires=0, nc=5)
    must_be("CSeq 12, expires 0", alice.transact(last, authorize=False).status, 200)
    must_be("bindings at the end", alice.bindings(), [])


@scenario("register-two-ports")
def two_ports(world):
    """The same REGISTER from two ports at once, twenty times: always one binding; each port gets an answer or silence."""
    server = world.server()
    one = world.peer("alice", server, behind="10.0.0.9:5060")
    two = world.peer("alice", server, behind="10.0.0.9:5060")
    for number in range(20):
        challenge = challenge_of(one)
        request = signed(one, challenge, f"two-ports-{number}", 10)
        start = threading.Barrier(2)

        def send(peer):
            start.wait()
            peer.send(request)
        threads = [threading.Thread(target=send, args=(p,)) for p in (one, two)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        found = [p.take(lambda m: m.is_response and m.call_id == request.call_id) for p in (one, two)]
        if not any(found):
            both = [p for p in (one, two)]
            found = [wait_for(both, request)]
        for answer in filter(None, found):
            if answer.status not in (200, 500, 401):
                raise Failure(f"{answer.start} to a doubled REGISTER")
        must_be("bindings", uris(one.bindings()), uris([one.contact]))
        one.inbox.clear()
        two.inbox.clear()


def wait_for(peers, request):
    def any_of():
        for peer in peers:
            found = peer.take(lambda m: m.is_response and m.call_id == request.call_id)
            if found:
                return found
        return None
    return wait_until(any_of, 3, "an answer at either port")


@scenario("register-rules", stand_in=False)
def rules(world):
    """423 with Min-Expires, 400 for a wrong *, all or nothing, q and expires listed, query, remove all."""
    server = world.server(registrar={"bindings_per_aor_max": 3})
    alice = world.peer("alice", server)
    brief = alice.transact(alice.register_request(expires=5))
    must_be("Expires: 5", brief.status, 423)
    must_be("Min-Expires", brief.get("min-expires"), "60")
    must_be("bindings after 423", alice.bindings(), [])
    star = alice.transact(alice.register_request(contact="*", expires=60))
    must_be("* with Expires 60", star.status, 400)
    many = ", ".join(f"<sip:alice@127.0.0.1:{7000 + n}>;q=0.{n}" for n in range(1, 4))
    final = alice.transact(alice.register_request(contact=many, expires=300))
    must_be("three contacts", (final.status, len(final.all("contact"))), (200, 3))
    for value in final.all("contact"):
        if not 290 <= int(sip.parameter(value, "expires") or 0) <= 300 or sip.parameter(value, "q") is None:
            raise Failure(f"a binding is listed as {value}")
    if final.get("date") is None:
        raise Failure("the 200 has no Date")
    over = alice.transact(alice.register_request(contact="<sip:alice@127.0.0.1:7009>, <sip:alice@127.0.0.1:7001>;expires=0, <sip:alice@127.0.0.1:7010>"))
    if over.status < 400:
        raise Failure(f"more bindings than the limit got {over.start}")
    must_be("bindings after a refused update", len(alice.bindings()), 3)
    gone = alice.transact(alice.register_request(contact="*", expires=0))
    must_be("remove all", (gone.status, gone.all("contact")), (200, []))


@scenario("register-refused", stand_in=False)
def refused(world):
    """Wrong password, unknown user and another user's AoR: refused alike, nothing changed."""
    server = world.server()
    alice = world.peer("alice", server)
    alice.register()
    wrong = world.peer("alice", server, password="not-it")
    stranger = world.peer("nobody", server, password="x")
    answers = []
    for peer in (wrong, stranger):
        final = peer.transact(peer.register_request())
        must_be(f"{peer.name} with a wrong password", final.status, 401)
        answers.append([n.lower() for n, _ in final.headers])
    must_be("header fields of unknown user and wrong password", answers[0], answers[1])
    thief = world.peer("bob", server)
    request = thief.register_request()
    request.set("To", f"<{alice.aor}>").set("From", f"<{alice.aor}>;tag=x")
    final = thief.transact(request)
    if final.status not in (401, 403):
        raise Failure(f"bob registered alice's address: {final.start}")
    must_be("bindings", uris(alice.bindings()), uris([alice.contact]))


@scenario("digest-rules", stand_in=False)
def digest(world):
    """A nonce count used twice is refused as stale; the retransmission of a request is not."""
    server = world.server()
    alice = world.peer("alice", server)
    challenge = challenge_of(alice)
    first = signed(alice, challenge, "digest", 10, nc=1)
    must_be("nc 1", alice.transact(first, authorize=False).status, 200)
    again = signed(alice, challenge, "digest", 11, nc=1)
    final = alice.transact(again, authorize=False)
    must_be("nc 1 again", final.status, 401)
    must_be("stale", alice.credentials.pick(final).get("stale", "").lower(), "true")
    must_be("nc 3", alice.transact(signed(alice, challenge, "digest", 12, nc=3), authorize=False).status, 200)
    must_be("nc 2, late but unused", alice.transact(signed(alice, challenge, "digest", 13, nc=2), authorize=False).status, 200)
