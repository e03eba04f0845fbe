"""Each case of functions.lua: many calls of the functions that messages are read and changed with."""

import os
import re

from lib.processes import Failure

from . import FUNCTIONS as rows
from .rows_coverage import RICH

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "functions.lua")
with open(SCRIPT, encoding="ascii") as text:
    CASES = re.findall(r'(?m)^case\["(\w+)"\]', text.read())

FORWARDS = ("absent", "0", "1", "2", "70", "71", "255", "256", "300", "abc", "-1", "99999999999")
VALUES = ("include", "include_present", "exclude", "exclude_absent", "append", "insert", "insert_new", "assign", "remove", "keep",
          "keep_all", "keep_none", "body")
BODIES = ("replace", "replace_all", "replace_str", "subst", "subst_all", "set")
ROUTES = [f"{kind}_{what}" for kind in ("preloaded", "dialog") for what in ("own", "both", "none")]
FOREIGN = "<sip:127.0.0.1:9;lr>"
BODY = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 20000 RTP/AVP 0 8 18 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:18 G729/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    "m=video 20002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n").encode()
WITH_BODY = ("textops", "textopsx", "sdpops")


def ask(t, name, method="OPTIONS", uri=None, tag="", headers=(), body=b"", forwards="70"):
    """Ask for a case; To names it, the Request-URI too if nothing else is said."""
    zoe = t.stranger()
    usual = f"sip:{name}@kam.test"
    to = uri if uri and f"{name}@" in uri else usual
    headers = [("X-Probe", "probe"), ("Supported", "path, timer"), *headers]
    if body:
        headers.append(("Content-Type", "application/sdp"))
    request = zoe.request(method, uri or usual, to=f"<{to}>{tag}", headers=headers, body=body)
    request.headers = [(field, value if field != "Max-Forwards" else forwards) for field, value in request.headers
                       if field != "Max-Forwards" or forwards != "absent"]
    final = zoe.transact(request, authorize=False)
    if final.status != 200 or final.get("X-Result") is None:
        raise Failure(f"{name}: {final.start}")


def plain(name):
    def run(t):
        ask(t, name, headers=RICH, body=BODY if name.startswith(WITH_BODY) else b"")
    return run


def forwards(value):
    return lambda t: ask(t, f"maxfwd_{value}", forwards=value)


def at(where):
    def run(t):
        address, port = t.server.host_port.rsplit(":", 1)
        name = f"ruri_{where}"
        ask(t, name, uri={
            "port": f"sip:{name}@{address}:{port}", "no_port": f"sip:{name}@{address}",
            "tcp": f"sip:{name}@{address}:{port};transport=tcp", "tls": f"sip:{name}@{address}:{port};transport=tls",
            "other_port": f"sip:{name}@{address}:9", "domain_port": f"sip:{name}@kam.test:9"}[where])
    return run


def routes(t, name):
    own = f"<sip:{t.server.host_port};lr=on;ftag=x;nat=yes>"
    which = [own] if name.endswith("own") else [own, FOREIGN] if name.endswith("both") else []
    return [("Route", route) for route in which]


def routed(case, name):
    def run(t):
        # To another domain: a Request-URI of ours would be that of a strict router.
        ask(t, f"{case}_{name}", uri="sip:callee@other.test", tag=";tag=of-a-dialog" if name.startswith("dialog") else "",
            headers=routes(t, name))
    return run


def relayed(name):
    def run(t):
        zoe, callee = t.stranger(), t.stranger("callee")
        place = f"127.0.0.1:{callee.address[1]}"
        dialog = "dialog" in name
        last = "both" if "both" in name else "own"
        headers = [(field, value.replace("127.0.0.1:9", place)) for field, value in routes(t, last)]
        uri = "sip:callee@other.test" if last == "both" else f"sip:callee@{place}"
        request = zoe.request("OPTIONS", uri, to=f"<sip:{name}@kam.test>{';tag=of-a-dialog' if dialog else ''}", headers=headers)
        zoe.send(request)
        callee.reply(callee.expect_request("OPTIONS"), 200, "Fine")
        zoe.expect_response(request, 200)
    return run


ALL = [(case, plain(case)) for case in CASES if case != "unknown_method"]
ALL += [(f"textopsx_{name}", plain(f"textopsx_{name}")) for name in VALUES]
ALL += [(f"textops_body_{name}", plain(f"textops_body_{name}")) for name in BODIES]
ALL += [("unknown_method", lambda t: ask(t, "unknown_method", method="FOO"))]
ALL += [(f"maxfwd_{value}", forwards(value)) for value in FORWARDS]
ALL += [(f"ruri_{where}", at(where)) for where in ("port", "no_port", "tcp", "tls", "other_port", "domain_port")]
ALL += [(f"{case}_{name}", routed(case, name)) for case in ("route", "route2") for name in ROUTES]
ALL += [(name, relayed(name)) for name in (
    "relay_preloaded_own", "relay_preloaded_both", "relay_dialog_own", "relay_dialog_both", "relay_applied_own",
    "relay_applied_both", "relay_applied_dialog_both")]

for number, (title, drive) in enumerate(ALL, 1):
    rows.row(number, title)(drive)
