"""The script of the speed comparison (bench.lua): its digest, its registrar, a relayed request, an unknown user."""

from lib.trial import both, finals, starts

from . import BENCH as rows


@rows.row(1, "REGISTER with the digest of the script", kamailio=finals("phone", "401 Unauthorized", "200 OK"))
def register(t):
    phone = t.peer("phone", user="a00000001", password="secret", domain="bench")
    phone.register()


@rows.row(2, "a request to a registered user, and to an unknown one", kamailio=both(
    finals("zoe", "404 Not Found", "200 OK"), starts("free", "200 OK", "MESSAGE")))
def relay(t):
    free, zoe = t.peer("free", user="free", domain="bench"), t.stranger()
    zoe.transact(zoe.request("MESSAGE", "sip:nobody@bench", body=b"x"), authorize=False)
    free.register()
    request = zoe.request("MESSAGE", "sip:free@bench", body=b"x")
    zoe.send(request)
    free.reply(free.expect_request("MESSAGE"), 200, "OK")
    zoe.expect_response(request, 200)
