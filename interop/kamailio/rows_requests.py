"""Requests outside a call: OPTIONS, MESSAGE, the checks before routing, foreign domains, other methods."""

import socket

from lib import sip
from lib.processes import Failure
from lib.trial import both, finals, nothing, starts

from . import EXAMPLE as rows


def plain(peer, method, uri, **fields):
    """Send a request without credentials and take its final answer."""
    request = peer.request(method, uri, contact=peer.contact if method == "INVITE" else None, headers=fields.pop("headers", ()))
    for name, value in fields.items():
        request.set(name.replace("_", "-"), value)
    return peer.transact(request, authorize=False)


def serve(peer, method, answer=200):
    """Take a request and answer it."""
    request = peer.expect_request(method)
    peer.reply(request, answer, "OK")
    return request


def relayed(sender, receiver, method, uri, hops="70", **fields):
    """A request that the receiver answers with 200; the answer as the sender got it."""
    request = sender.request(method, uri, **fields).set("Max-Forwards", hops)
    sender.send(request)
    serve(receiver, method)
    return sender.expect_response(request, range(200, 700))


@rows.row(27, "OPTIONS to the server", kamailio=finals("zoe", "200 Keepalive", "200 Keepalive"))
def options_to_server(t):
    zoe = t.stranger()
    plain(zoe, "OPTIONS", "sip:kam.test")
    plain(zoe, "OPTIONS", f"sip:{t.server.host_port}")


@rows.row(28, "OPTIONS to a user, without and with credentials", kamailio=both(
    finals("alice", "407 Proxy Authentication Required", "200 OK"), starts("bob", "OPTIONS")))
def options_to_user(t):
    alice, bob = t.alice(), t.bob()
    t.mark()
    request = alice.request("OPTIONS", bob.aor)
    challenge = alice.transact(request, authorize=False)
    second = alice.authorized(request, challenge)
    alice.send(second)
    serve(bob, "OPTIONS")
    alice.expect_response(second, 200)


AGENTS = ["friendly", "my-scanner", "sipcli/v1", "sipvicious", "VaxSIPUserAgent", "pplsip", "Friendly-Scanner", "sipsak"]


@rows.row(29, "User-Agents of scanners", kamailio=lambda seen: scanners_answered(seen))
def scanners(t):
    zoe = t.stranger()
    for agent in AGENTS:
        plain(zoe, "MESSAGE", "sip:bob29@kam.test", User_Agent=agent)
    plain(zoe, "REGISTER", "sip:kam.test", User_Agent="friendly-scanner")


def scanners_answered(seen):
    """What the script at hand names is answered by 200; the newest example names two more than Debian's."""
    got = [final[:3] for final in seen.finals("zoe")]
    if got[:4] != ["200"] * 4 or got[6:] != ["404", "404", "200"] or not set(got[4:6]) <= {"200", "404"}:
        raise Failure(f"zoe got {got}")


@rows.row(30, "Max-Forwards 0 and not a number", kamailio=finals("zoe", *["483 Too Many Hops"] * 4))
def no_hops_left(t):
    zoe = t.stranger()
    for method in ("INVITE", "OPTIONS"):
        for hops in ("0", "abc"):
            plain(zoe, method, "sip:bob30@kam.test", Max_Forwards=hops)


@rows.row(31, "Max-Forwards absent, 1, 10, 300", kamailio=both(finals("zoe", *["200 OK"] * 4), starts("bob", *["OPTIONS"] * 4)))
def hops(t):
    zoe, bob = t.stranger(), t.bob()
    t.mark()
    for value in (None, "1", "10", "300"):
        request = zoe.request("OPTIONS", bob.aor)
        request.remove("max-forwards") if value is None else request.set("Max-Forwards", value)
        zoe.send(request)
        serve(bob, "OPTIONS")
        zoe.expect_response(request, 200)


@rows.row(32, "from a foreign domain to a foreign domain", kamailio=finals("zoe", "403 Not relaying"))
def open_relay(t):
    plain(t.stranger(), "INVITE", "sip:x@elsewhere.test")


@rows.row(33, "from a foreign domain to a user", kamailio=both(finals("zoe", "200 OK"), starts("bob", "MESSAGE")))
def foreign_caller(t):
    zoe, bob = t.stranger(), t.bob()
    t.mark()
    relayed(zoe, bob, "MESSAGE", bob.aor, body=b"hello")


@rows.row(34, "from a user to a foreign address", kamailio=both(
    starts("zoe", "INVITE", "ACK", "OPTIONS"), finals("alice", "407 Proxy Authentication Required", "200 OK",
                                                      "407 Proxy Authentication Required", "200 OK")))
def outbound(t):
    alice, zoe = t.alice(), t.stranger(address="127.0.0.34")
    uri = f"sip:x@127.0.0.34:{zoe.address[1]}"
    out = alice.invite(uri)
    incoming = zoe.incoming()
    if incoming.invite.headers[-1] != ("P-Hint", "outbound"):
        raise Failure(f"the last header field is {incoming.invite.headers[-1]}, not P-Hint")
    incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()
    request = alice.request("OPTIONS", uri)
    second = alice.authorized(request, alice.transact(request, authorize=False))
    alice.send(second)
    serve(zoe, "OPTIONS")
    alice.expect_response(second, 200)


@rows.row(36, "Request-URI without user", kamailio=finals("zoe", "484 Address Incomplete", "484 Address Incomplete"))
def no_user(t):
    zoe = t.stranger()
    plain(zoe, "INVITE", "sip:kam.test")
    plain(zoe, "MESSAGE", f"sip:{t.server.host_port}")


@rows.row(37, "Route of the proxy itself on an initial request", kamailio=both(finals("zoe", "200 OK"), starts("bob", "OPTIONS")))
def preloaded_route(t):
    zoe, bob = t.stranger(), t.bob()
    t.mark()
    relayed(zoe, bob, "OPTIONS", bob.aor, headers=[("Route", f"<sip:{t.server.host_port};lr>")])


@rows.row(42, "MESSAGE to a contact whose Allow lacks it", kamailio=both(
    finals("zoe", "405 Method Not Allowed"), nothing("bob")))
def not_allowed(t):
    zoe, bob = t.stranger(), t.peer("bob")
    bob.register(headers=[("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS")])
    t.mark()
    plain(zoe, "MESSAGE", bob.aor)


@rows.row(48, "CSeq of another method, Content-Length too big, http: URI", kamailio=finals(
    "zoe", "400 CSeq method does not match request method", "400 Content-Length mis-match", "400 Bad Request URI"))
def malformed(t):
    zoe = t.stranger()
    bad = zoe.request("INVITE", "sip:bob48@kam.test", contact=zoe.contact)
    bad.set("CSeq", "1 OPTIONS")
    long = zoe.request("MESSAGE", "sip:bob48@kam.test", body=b"short")
    web = zoe.request("OPTIONS", "http://kam.test/")
    for octets in (bad.encode(), long.encode().replace(b"Content-Length: 5", b"Content-Length: 500"), web.encode()):
        zoe.send(octets)
        zoe.expect("a final answer", lambda m: m.is_response and m.status >= 200)


@rows.row(49, "SIP/3.0 in the request line", kamailio=nothing("zoe"), ours=finals("zoe", "505 Version Not Supported"))
def version(t):
    zoe = t.stranger()
    zoe.send(zoe.request("OPTIONS", "sip:kam.test").encode().replace(b"kam.test SIP/2.0", b"kam.test SIP/3.0", 1))
    t.quiet(1)


@rows.row(50, "Proxy-Require: foo", kamailio=both(finals("zoe", "200 OK"), starts("bob", "OPTIONS")))
def proxy_require(t):
    zoe, bob = t.stranger(), t.bob()
    t.mark()
    relayed(zoe, bob, "OPTIONS", bob.aor, headers=[("Proxy-Require", "foo")])


@rows.row(51, "tel: URI from a foreign domain", kamailio=finals("zoe", "403 Not relaying"))
def tel(t):
    plain(t.stranger(), "INVITE", "tel:+441234567")


@rows.row(55, "PUBLISH and SUBSCRIBE to a user", kamailio=both(
    finals("zoe", "200 OK", "200 OK"), starts("bob", "PUBLISH", "SUBSCRIBE")))
def events(t):
    zoe, bob = t.stranger(), t.bob()
    t.mark()
    for method in ("PUBLISH", "SUBSCRIBE"):
        relayed(zoe, bob, method, bob.aor, contact=zoe.contact, headers=[("Event", "presence"), ("Expires", "60")])


@rows.row(56, "TCP: double CRLF, then OPTIONS on the same connection", kamailio=finals("zoe", "200 Keepalive"))
def keepalive(t):
    zoe = t.stranger(transport="tcp")
    with socket.create_connection(t.server.address(), timeout=3) as line:
        line.sendall(b"\r\n\r\n")
        pong = line.recv(100)
        line.settimeout(0.3)
        try:
            pong += line.recv(100)
        except TimeoutError:
            pass
    if pong != b"\r\n":
        raise Failure(f"the answer to a double CRLF is {pong!r}")
    zoe.send(b"\r\n\r\n")
    plain(zoe, "OPTIONS", "sip:kam.test")


@rows.row(59, "INVITE from an address that the table trusts", kamailio=both(
    finals("alice", "200 OK"), starts("bob", "INVITE", "ACK")))
def trusted(t):
    alice, bob = t.alice(address="127.0.0.59"), t.bob()
    t.mark()
    out = alice.invite(bob.aor, authorize=False)
    incoming = bob.incoming()
    incoming.reply(200, "OK")
    out.answered()
    incoming.expect_ack()


@rows.row(63, "no rport in the Via, and a sent-by port that is not the source's", kamailio=finals(
    "zoe", "200 Keepalive", "404 Not Found"))
def no_rport(t):
    zoe = t.stranger()
    for via, method, uri in ((f"{zoe.sent_by}", "OPTIONS", "sip:kam.test"), ("127.0.0.1:9", "MESSAGE", "sip:bob63@kam.test")):
        request = zoe.request(method, uri)
        request.set("Via", f"SIP/2.0/UDP {via};branch={sip.new_branch()}")
        zoe.transact(request, authorize=False)


def compact_options(zoe, between_vias):
    branches = sip.new_branch(), sip.new_branch()
    return (f"OPTIONS sip:kam.test SIP/2.0\r\nv: SIP/2.0/UDP {zoe.sent_by};branch={branches[0]};rport{between_vias}"
            f"SIP/2.0/TCP 192.0.2.1;branch={branches[1]}\r\nf: \"Zoe\" <sip:zoe@other.test>;tag={sip.token()}\r\n"
            f"t:\r\n\t<sip:kam.test>\r\ni: {sip.token()}\r\nCSEQ: 7  OPTIONS\r\nMax-Forwards: 70\r\nl: 0\r\n"
            "Record-Route: <sip:192.0.2.1;lr>\r\n\r\n").encode()


@rows.row(64, "compact and folded header fields, two Vias", kamailio=finals("zoe", "200 Keepalive"))
def compact(t):
    zoe = t.stranger()
    zoe.send(compact_options(zoe, "\r\nv: "))
    zoe.expect("an answer", lambda m: m.is_response)


def received_in(index):
    """A check: `received` stands in this Via."""
    def check(seen):
        vias = seen.at("zoe")[0].headers["via"]
        if ["received=" in via for via in vias] != [n == index for n in range(2)]:
            raise Failure(f"the Vias are {vias}")
    return check


@rows.row(66, "two Vias in one field", kamailio=received_in(1), ours=received_in(0))
def comma_vias(t):
    zoe = t.stranger()
    zoe.send(compact_options(zoe, ",\r\n "))
    zoe.expect("an answer", lambda m: m.is_response)


@rows.row(65, "Max-Forwards around the limit", kamailio=finals("zoe", *["200 OK"] * 4))
def upper_limit(t):
    zoe, bob = t.stranger(), t.bob()
    t.mark()
    for value in ("70", "71", "255", "256"):
        relayed(zoe, bob, "OPTIONS", bob.aor, hops=value)
