"""Replies from a script, on the wire and in the counters of the sl module."""

import re
import time

from lib import sip
from lib.processes import Failure
from lib.trial import both, finals

from . import REPLIES as rows


def counters(peer):
    """The statistics as a script reads them. Kamailio adds them up once a second."""
    time.sleep(1.1)
    final = peer.transact(peer.request("OPTIONS", "sip:counters@kam.test"), authorize=False)
    if final.status != 202:
        raise Failure(f"the counters got {final.start}")
    values = dict(value.split("=") for value in final.all("X-Counter"))
    return {name: int(value) for name, value in values.items() if value.isdigit()}


def counted(drive):
    """A row: what `drive` does on the wire, and by how much it moved each counter (the question itself aside)."""
    def run(t):
        reader = t.stranger("reader", heard=False)
        before = getattr(t.server, "counters", None) or counters(reader)
        drive(t, t.stranger())
        after = t.server.counters = counters(reader)
        if not before:
            raise Failure("no counter can be read")
        for name in sorted(after):
            by = after[name] - before[name] - (name in ("202_replies", "sent_replies"))
            if by:
                t.fact(f"  {name} moved by {by}")
    return run


def moved(**wanted):
    """A check: these counters moved by so much, and no other (`_404_replies` stands for 404_replies)."""
    def check(seen):
        got = dict(re.findall(r"(\w+) moved by (\d+)", "\n".join(seen.facts)))
        if {k: int(v) for k, v in got.items()} != {k.lstrip("_"): v for k, v in wanted.items()}:
            raise Failure(f"the counters moved by {got}")
    return check


def call_request(peer, name, uri):
    return peer.request("INVITE", uri, contact=peer.contact, body=sip.sdp(), headers=[("X-Case", name)])


def plain(name):
    def drive(t, zoe):
        zoe.send(zoe.request("OPTIONS", f"sip:{name}@kam.test"))
        zoe.expect("a final answer", lambda m: m.is_response and m.status >= 200)
    return drive


def any_answer(name):
    """There may be none."""
    def drive(t, zoe):
        zoe.send(zoe.request("OPTIONS", f"sip:{name}@kam.test"))
        t.quiet()
    return drive


def call(name):
    def drive(t, zoe):
        zoe.transact(call_request(zoe, name, f"sip:{name}@kam.test"), authorize=False)
        t.quiet(0.2)
    return drive


def failing(name):
    """The callee refuses, and the failure route answers in its place."""
    def drive(t, zoe):
        callee = t.stranger("callee")
        request = call_request(zoe, name, f"sip:callee@127.0.0.1:{callee.address[1]}")
        zoe.send(request)
        callee.reply(callee.expect_request("INVITE"), 486, "Busy Here")
        callee.expect_request("ACK")
        final = zoe.expect_response(request, range(300, 700))
        zoe.acknowledge(request, final)
        t.quiet(0.2)
    return drive


NUMBERED = [
    ("404 to OPTIONS", plain("not_found"), both(finals("zoe", "404 Not found"), moved(_404_replies=1, sent_replies=1))),
    ("403 with the caller's name", plain("invalid_user"), both(
        finals("zoe", "403 Invalid user - zoe"), moved(_403_replies=1, sent_replies=1))),
    ("404 to INVITE, its ACK absorbed", call("not_found"), both(
        finals("zoe", "404 Not found"), moved(_404_replies=1, sent_replies=1, received_ACKs=1))),
    ("403 to INVITE, its ACK absorbed", call("invalid_user"), both(
        finals("zoe", "403 Invalid user - zoe"), moved(_403_replies=1, sent_replies=1, received_ACKs=1))),
    ("404 through a transaction", call("not_found_stateful"), both(finals("zoe", "404 Not found"), moved())),
    ("403 through a transaction", call("invalid_user_stateful"), both(finals("zoe", "403 Invalid user - zoe"), moved())),
    ("404 from a failure route", failing("fail_not_found"), both(finals("zoe", "404 Not found"), moved())),
    ("403 from a failure route", failing("fail_invalid_user"), both(finals("zoe", "403 Invalid user - zoe"), moved())),
    ("a code given as text", plain("code_as_text"), moved(_404_replies=1, sent_replies=1)),
    ("204", plain("code_204"), moved(_2xx_replies=1, sent_replies=1)),
    ("300 without a contact", plain("code_300"), moved(_300_replies=1, sent_replies=1)),
    ("302 with the new Request-URI", plain("redirect"), moved(_302_replies=1, sent_replies=1)),
    ("603", plain("code_603"), moved(_6xx_replies=1, sent_replies=1)),
    ("700", any_answer("code_700"), both(finals("zoe", "700 Beyond"), moved(xxx_replies=1, sent_replies=1)),
     # Not a status code (RFC 3261 section 7.2): the function answers -1, and nothing leaves.
     both(finals("zoe"), moved())),
    ("an empty reason", plain("empty_reason"), moved(_404_replies=1, sent_replies=1)),
    ("the error reply with no error", plain("reply_error"), moved(_500_replies=1, sent_replies=1),
     # Kamailio has the counter and never counts.
     both(finals("zoe", "500 No error (0/SL)"), moved(_500_replies=1, sent_err_replies=1, sent_replies=1))),
    ("send_reply_mode", plain("mode"), moved(_404_replies=1, sent_replies=1)),
]

for number, (title, drive, wanted, *ours) in enumerate(NUMBERED, 1):
    rows.row(number, title, kamailio=wanted, ours=ours[0] if ours else None)(counted(drive))
