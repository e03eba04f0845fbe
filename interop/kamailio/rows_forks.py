"""Two contacts: parallel forking and the choice of the answer."""

from lib.trial import both, finals, starts

from . import EXAMPLE as rows


def phones(t, first="", second=""):
    """Two phones of bob, each registered, with these Contact parameters."""
    desk, mobile = t.peer("desk", user=f"bob{t.row.number}"), t.peer("mobile", user=f"bob{t.row.number}")
    desk.register(contact=desk.contact + first)
    mobile.register(contact=mobile.contact + second)
    return desk, mobile


def ring(t, desk, mobile, caller=None):
    """(caller's side, desk's side, mobile's side) of an INVITE that has reached both."""
    out = (caller or t.stranger()).invite(desk.aor, authorize=False)
    return out, desk.incoming(), mobile.incoming()


@rows.row(43, "both ring, one answers", kamailio=both(
    starts("zoe", "100 trying -- your call is important to us", "180 Ringing", "180 Ringing", "200 OK"),
    starts("desk", "INVITE", "CANCEL", "ACK"), starts("mobile", "INVITE", "ACK")))
def fork(t):
    desk, mobile = phones(t)
    t.mark()
    out, first, second = ring(t, desk, mobile)
    first.reply(180, "Ringing")
    out.expect(180)
    second.reply(180, "Ringing")
    out.expect(180)
    second.reply(200, "OK")
    out.answered()
    second.expect_ack()
    desk.reply(desk.expect_request("CANCEL"), 200, "OK")
    first.reply(487, "Request Terminated")
    first.expect_ack()
    t.quiet()


# What the first phone answers, what the second answers then, what the caller must get.
ANSWERS = [(486, 404, 404), (486, 480, 480), (500, 486, 486), (503, 480, 480), (503, 500, 500), (401, 400, 401), (407, 486, 407),
           (484, 404, 484), (415, 486, 415), (420, 400, 420), (408, 486, 408), (302, 404, 302), (600, 404, 600), (603, 200, 200)]


@rows.row(44, "the best of two final answers", seconds=25, kamailio=finals(
    "zoe", *[f"{best} From {best}" for _a, _b, best in ANSWERS]))
def best(t):
    desk, mobile = phones(t)
    zoe = t.stranger()
    t.mark()
    for one, other, wanted in ANSWERS:
        out, first, second = ring(t, desk, mobile, zoe)
        if one >= 600:
            second.reply(180, "Ringing")
            out.expect(180)
        answer(desk, first, one)
        first.expect_ack()
        if one >= 600:
            mobile.reply(mobile.expect_request("CANCEL"), 200, "OK")
        answer(mobile, second, other)
        if wanted == 200:
            out.answered()
        else:
            out.expect_final(wanted)
        second.expect_ack()


def answer(phone, side, status):
    headers = {401: [("WWW-Authenticate", f'Digest realm="{phone.label}", nonce="n"')],
               407: [("Proxy-Authenticate", f'Digest realm="{phone.label}", nonce="n"')],
               302: [("Contact", "<sip:elsewhere@127.0.0.1:9>")]}.get(status, [])
    phone.reply(side.invite, status, f"From {status}", contact=status == 200, headers=headers)


@rows.row(45, "401 from both", kamailio=finals("zoe", "401 Unauthorized"))
def challenges(t):
    desk, mobile = phones(t)
    t.mark()
    out, first, second = ring(t, desk, mobile)
    answer(desk, first, 401)
    first.expect_ack()
    answer(mobile, second, 401)
    out.expect_final(401)
    second.expect_ack()


@rows.row(46, "603 while the other rings", kamailio=both(
    finals("zoe", "603 From 603"), starts("mobile", "INVITE", "CANCEL", "ACK")))
def decline(t):
    desk, mobile = phones(t)
    t.mark()
    out, first, second = ring(t, desk, mobile)
    second.reply(180, "Ringing")
    out.expect(180)
    answer(desk, first, 603)
    cancel = mobile.expect_request("CANCEL")
    out.peer.expect_nothing(lambda m: m.is_response and m.status >= 200, 0.3, "the other phone has not ended yet")
    mobile.reply(cancel, 200, "OK")
    second.reply(487, "Request Terminated")
    out.expect_final(603)
    second.expect_ack()


@rows.row(57, "q=1.0 and q=0.3 ring at once", kamailio=both(
    starts("desk", "INVITE", "ACK"), starts("mobile", "INVITE", "ACK"), finals("zoe", "486 From 486")))
def q_values(t):
    desk, mobile = phones(t, ";q=1.0", ";q=0.3")
    t.mark()
    out, first, second = ring(t, desk, mobile)
    answer(desk, first, 486)
    first.expect_ack()
    answer(mobile, second, 486)
    out.expect_final(486)
    second.expect_ack()
    t.quiet()
