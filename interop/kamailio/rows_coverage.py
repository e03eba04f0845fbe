"""Each case of coverage.lua: what a function returns, in the words of Lua."""

import os
import re

from lib import sip
from lib.processes import Failure
from lib.trial import nothing, one_final

from . import COVERAGE as rows

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "coverage.lua")
with open(SCRIPT, encoding="ascii") as text:
    CASES = re.findall(r'(?m)^case\["(\w+)"\]', text.read())

BODY = {"has_body_type", "sdp_line"}
ROUTE = {"preloaded_route", "is_direction", "check_route_param"}
TAGGED = {"is_direction", "check_route_param"}
RICH = [("Contact", '"Zoe" <sip:zoe@127.0.0.1:9;x=y>;expires=60'), ("User-Agent", "probe/1.0"),
        ("X-Multi", "one"), ("X-Multi", "two"),
        ("P-Asserted-Identity", "<sip:asserted@other.test>"), ("P-Preferred-Identity", "<sip:preferred@other.test>"),
        ("Diversion", "<sip:diverted@other.test>;reason=no-answer"), ("Remote-Party-ID", "<sip:party@other.test>;screen=yes"),
        ("Refer-To", "<sip:target@other.test>"),
        ("Proxy-Authorization",
         'Digest username="who@digest.test", realm="realm.test", nonce="n", uri="sip:x", response="0", algorithm=MD5')]
TRACED = {"ds_is_from_list": "127.0.0.71"}


def ask(peer, name, headers=(), body=b"", tag=""):
    """The answer to an OPTIONS whose user is the case."""
    uri = f"sip:{name}@kam.test"
    request = peer.request("OPTIONS", uri, to=f"<{uri}>{tag}", headers=[("X-Probe", "probe"), *headers], body=body)
    return peer.transact(request, authorize=False)


def one_case(name):
    def run(t):
        zoe = t.stranger(**({"address": TRACED[name]} if name in TRACED else {}))
        headers = [("Content-Type", "application/sdp")] if name in BODY else []
        if name.startswith("list_"):
            headers += RICH
        if name in ROUTE:
            headers.append(("Route", f"<sip:{t.server.host_port};lr=on;ftag=x;nat=yes>"))
        final = ask(zoe, name, headers=headers, body=sip.sdp() if name in BODY else b"",
                    tag=";tag=of-a-dialog" if name in TAGGED else "")
        if final.status != 200 or final.get("X-Result") is None:
            raise Failure(f"{name}: {final.start}")
    return run


# Where we differ on purpose: what Kamailio answers, what we do, and why.
DECLARED = {
    "list_later": (["string:$ctu nil", "string:$cts nil"],
                   ["string:$ctu string:sip:zoe@127.0.0.1:9;x=y", "string:$cts number:0"], "scripts for 6.x have them"),
    "route": (["number:1", "number:-1"], ["number:-1", "number:-1"], "native route blocks are not read"),
    "check_route_exists": (["number:1", "number:-1", "number:-1"], ["number:-1"] * 3, "native route blocks are not read"),
    "sip_trace": (["number:1"], ["number:-1"], "there is no capture engine"),
}


def results(*wanted):
    """A check: these are the X-Result fields."""
    def check(seen):
        got = [line.removeprefix("  x-result: ") for line in str(seen).split("\n") if line.startswith("  x-result: ")]
        if got != list(wanted):
            raise Failure(f"the results are {got}, not {list(wanted)}")
    return check


for number, case in enumerate(CASES, 1):
    theirs, ours, _ = DECLARED.get(case, (None, None, None))
    rows.row(number, case, kamailio=theirs and results(*theirs), ours=ours and results(*ours))(one_case(case))
number = len(CASES)


@rows.row(number + 1, "t_reply")
def t_reply(t):
    zoe = t.stranger()
    ask(zoe, "t_reply")
    ask(zoe, "t_reply_was")


@rows.row(number + 2, "t_suspend and t_continue")
def suspend(t):
    waiting, zoe = t.stranger("waiting"), t.stranger()
    request = waiting.request("OPTIONS", "sip:t_suspend@kam.test")
    waiting.send(request)
    t.quiet(0.3)
    ask(zoe, "t_continue")
    waiting.expect_response(request, 203)


@rows.row(number + 3, "a script that answers nothing")
def no_answer(t):
    zoe = t.stranger()
    zoe.send(zoe.request("OPTIONS", "sip:no_answer@kam.test"))
    t.quiet()


def silence_or_500(seen):
    if seen.at("zoe"):
        one_final("zoe", 500)(seen)


@rows.row(number + 4, "an error in the script", kamailio=nothing("zoe"), ours=silence_or_500)
def lua_error(t):
    zoe = t.stranger()
    zoe.send(zoe.request("OPTIONS", "sip:lua_error@kam.test"))
    t.quiet()


@rows.row(number + 5, "three answers to one request")
def many(t):
    ask(t.stranger(), "three_answers")


@rows.row(number + 6, "a case that is not there")
def unknown(t):
    ask(t.stranger(), "no-such-case")
