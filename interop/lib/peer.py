"""A SIP phone in Python over UDP or TCP, driven step by step by a scenario.

It can claim a false address in Via and Contact (a phone behind NAT), lose messages on purpose,
and keeps every message it sent and received for the report of a failed scenario.
"""

import random
import socket
import threading
import time

from . import sip
from .processes import Failure

T1 = 0.5


class Peer:
    def __init__(self, name, server, transport="udp", address="127.0.0.1", port=0, password=None,
                 behind=None, domain=None, loss=0.0, seed=1, log=None, label=None):
        """`behind`: host:port that Via and Contact claim instead of the true address; `label`: its name in the log."""
        self.name = name
        self.label = label or name
        self.server = server
        self.transport = transport
        self.domain = domain or server.domain
        self.credentials = sip.Credentials(name, password or server.passwords.get(name, "wrong"))
        self.loss = loss
        self.random = random.Random(seed)
        self.log = log if log is not None else []
        self.lost = 0
        self.inbox = []
        self.arrived = 0
        self.changed = threading.Condition()
        self.answers = {}
        self.acks = {}
        self.seen = set()
        self.closed = False
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.target = server.address(transport, self.family)
        if transport == "udp":
            self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
            self.socket.bind((address, port))
        else:
            self.socket = socket.socket(self.family, socket.SOCK_STREAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((address, port))
            self.socket.settimeout(3)
            self.socket.connect(self.target)
            self.socket.settimeout(None)
        self.address = self.socket.getsockname()[:2]
        self.sent_by = behind or host_port(*self.address)
        self.contact = f"<sip:{name}@{self.sent_by}" + (";transport=tcp>" if transport == "tcp" else ">")
        self.aor = f"sip:{name}@{self.domain}"
        self.instance = sip.token()
        self.cseq = 0
        threading.Thread(target=self._receive, daemon=True).start()

    # --- messages -------------------------------------------------------------------------------

    def request(self, method, uri, to=None, call_id=None, body=b"", contact=None, headers=()):
        self.cseq += 1
        message = sip.Message(f"{method} {uri} SIP/2.0")
        message.add("Via", self.new_via())
        message.add("Max-Forwards", "70")
        message.add("From", f"<{self.aor}>;tag={sip.token()}")
        message.add("To", to or f"<{uri}>")
        message.add("Call-ID", call_id or sip.token())
        message.add("CSeq", f"{self.cseq} {method}")
        if contact is not None:
            message.add("Contact", contact)
        for name, value in headers:
            message.add(name, value)
        message.body = body
        if body and message.get("Content-Type") is None:
            message.add("Content-Type", "application/sdp" if method in ("INVITE", "UPDATE") else "text/plain")
        return message

    def new_via(self):
        return f"SIP/2.0/{self.transport.upper()} {self.sent_by};branch={sip.new_branch()};rport"

    def reply(self, request, status, reason="", contact=True, body=b"", headers=()):
        """Answer a request; the answer is sent again for its retransmissions."""
        response = sip.Message(f"SIP/2.0 {status} {reason or 'Answer'}")
        for name, value in request.headers:
            if sip.canonical(name) in ("via", "from", "call-id", "cseq", "record-route"):
                response.add(name, value)
        to = request.get("to")
        if status > 100 and sip.parameter(to, "tag") is None:
            to += f";tag={self.tag_for(request)}"
        response.add("To", to)
        if contact and request.method in ("INVITE", "UPDATE", "SUBSCRIBE"):
            response.add("Contact", self.contact)
        for name, value in headers:
            response.add(name, value)
        if body:
            response.add("Content-Type", "application/sdp")
            response.body = body
        with self.changed:
            self.answers[(request.branch, request.method)] = (response, request.source)
        self.send(response, request.source)
        return response

    def tag_for(self, request):
        return f"{self.name}-{self.instance}-{request.call_id[-6:]}"

    def send(self, message, target=None):
        octets = message if isinstance(message, bytes) else message.encode()
        self._note("->", octets)
        if self._loses():
            return
        if self.transport == "udp":
            try:
                self.socket.sendto(octets, target or self.target)
            except ConnectionRefusedError:
                pass
        else:
            self.socket.sendall(octets)

    # --- what arrives ---------------------------------------------------------------------------

    def _receive(self):
        rest = b""
        while not self.closed:
            try:
                if self.transport == "udp":
                    octets, source = self.socket.recvfrom(65536)
                    if source is None:
                        break
                    found = [octets] if octets.strip() else []
                    source = source[:2]
                else:
                    octets = self.socket.recv(65536)
                    source = None
                    if not octets:
                        break
                    found, rest = sip.frames(rest + octets)
            except ConnectionRefusedError:
                continue
            except OSError:
                break
            for one in found:
                if self._loses():
                    continue
                self._note("<-", one)
                self._take(one, source)
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def _loses(self):
        if self.loss and self.random.random() < self.loss:
            self.lost += 1
            return True
        return False

    def _take(self, octets, source):
        message = sip.Message.parse(octets)
        message.source = source
        again = None
        with self.changed:
            self.arrived += 1
            if message.is_response:
                key = (message.branch, message.status, message.tag("to"), message.method)
                if message.method == "INVITE" and message.status >= 200 and key in self.acks:
                    again = (self.acks[key], None)
            else:
                key = (message.branch, message.method, message.start)
                if message.method != "ACK":
                    again = self.answers.get((message.branch, message.method))
            fresh = key not in self.seen
            self.seen.add(key)
            if fresh:
                self.inbox.append(message)
                self.changed.notify_all()
        if not fresh and again:
            self.send(*again)

    def _note(self, arrow, octets):
        self.log.append((time.time(), self.label, arrow, octets))

    def take(self, match):
        """Take the first message in the inbox that matches, or None."""
        with self.changed:
            for index, message in enumerate(self.inbox):
                if match(message):
                    return self.inbox.pop(index)
        return None

    def expect(self, what, match, seconds=5, resend=None):
        """Wait for a message that matches; over UDP `resend` goes out again as §17 says."""
        end = time.monotonic() + seconds
        wait = T1
        again = time.monotonic() + wait
        while True:
            with self.changed:
                for index, message in enumerate(self.inbox):
                    if match(message):
                        return self.inbox.pop(index)
                now = time.monotonic()
                if now >= end:
                    got = ", ".join(m.summary() for m in self.inbox) or "nothing"
                    raise Failure(f"{self.name} waited {seconds} s for {what}; unread: {got}")
                if self.closed:
                    raise Failure(f"{self.name} waited for {what}, but the connection was closed")
                due = min(end, again) if resend is not None and self.transport == "udp" else end
                self.changed.wait(max(0.001, due - now))
            if resend is not None and self.transport == "udp" and time.monotonic() >= again:
                self.send(resend)
                wait = min(2 * wait, 4)
                again = time.monotonic() + wait

    def expect_request(self, method, seconds=5, call_id=None):
        return self.expect(
            f"a {method}", lambda m: not m.is_response and m.method == method and (call_id in (None, m.call_id)), seconds)

    def expect_response(self, request, statuses, seconds=5, resend=False):
        """A response to `request` whose status is in `statuses` (a set, range or single number)."""
        allowed = {statuses} if isinstance(statuses, int) else statuses
        return self.expect(
            f"{statuses} to {request.method}",
            lambda m: m.is_response and m.call_id == request.call_id and m.cseq == request.cseq
            and m.branch == request.branch and m.status in allowed,
            seconds, request if resend else None)

    def expect_nothing(self, match, seconds, what):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.take(match)
            if found is not None:
                raise Failure(f"{self.name} got {found.summary()}, but {what}")
            time.sleep(0.02)

    # --- transactions ---------------------------------------------------------------------------

    def transact(self, request, seconds=8, authorize=True):
        """Send a request and return its final response, answering one challenge on the way."""
        self.send(request)
        final = self.expect_response(request, range(200, 700), seconds, resend=True)
        if request.method == "INVITE" and final.status >= 300:
            self.acknowledge(request, final)
        if authorize and final.status in (401, 407):
            second = self.authorized(request, final)
            if second is not None:
                return self.transact(second, seconds, authorize=False)
        return final

    def authorized(self, request, challenge):
        """The same request with credentials for a 401 or 407, next CSeq, new branch."""
        method = request.method
        answer = self.credentials.answer(challenge, method, request.request_uri)
        if answer is None:
            return None
        self.cseq = max(self.cseq, request.cseq[0]) + 1
        second = sip.Message(request.start, request.headers, request.body)
        second.set("Via", self.new_via()).set("CSeq", f"{self.cseq} {method}").add(*answer)
        return second

    def acknowledge(self, request, final):
        """The ACK to a non-2xx final response (§17.1.1.3)."""
        ack = sip.Message(f"ACK {request.request_uri} SIP/2.0")
        ack.add("Via", request.get("via")).add("Max-Forwards", "70")
        ack.add("From", request.get("from")).add("To", final.get("to"))
        ack.add("Call-ID", request.call_id).add("CSeq", f"{request.cseq[0]} ACK")
        for value in request.all("route"):
            ack.add("Route", value)
        self.remember_ack(final, ack)
        self.send(ack)

    def remember_ack(self, final, ack):
        with self.changed:
            self.acks[(final.branch, final.status, final.tag("to"), "INVITE")] = ack

    def register(self, contact=None, expires=600, call_id=None, seconds=8, headers=()):
        """Register this phone; the 200. Fails on anything else."""
        request = self.register_request(contact, expires, call_id, headers)
        final = self.transact(request, seconds)
        if final.status != 200:
            raise Failure(f"{self.name} could not register: {final.start}")
        return final

    def register_request(self, contact=None, expires=600, call_id=None, headers=()):
        request = self.request("REGISTER", f"sip:{self.domain}", to=f"<{self.aor}>", call_id=call_id,
                               contact=contact or self.contact, headers=headers)
        request.set("From", f"<{self.aor}>;tag={sip.token()}")
        if expires is not None:
            request.add("Expires", str(expires))
        return request

    def bindings(self):
        """The Contact values a query REGISTER (no Contact) lists."""
        request = self.register_request(expires=None)
        request.remove("contact")
        final = self.transact(request)
        if final.status != 200:
            raise Failure(f"the query of {self.name} got {final.start}")
        return final.all("contact")

    # --- calls ----------------------------------------------------------------------------------

    def invite(self, uri, body=None, headers=(), authorize=True):
        """Send an INVITE (and answer a challenge); the Call has no answer yet."""
        request = self.request("INVITE", uri, contact=self.contact, headers=headers,
                               body=sip.sdp() if body is None else body)
        self.send(request)
        if authorize:
            first = self.expect_response(request, range(100, 700), resend=True)
            if first.status == 100:
                first = self.expect_response(request, range(101, 700), 8)
            if first.status in (401, 407):
                self.acknowledge(request, first)
                second = self.authorized(request, first)
                if second is None:
                    raise Failure(f"{self.name} cannot answer the challenge of {first.start}")
                request = second
                self.send(request)
            else:
                with self.changed:
                    self.inbox.insert(0, first)
        return Call(self, request, caller=True)

    def incoming(self, seconds=5, call_id=None):
        """The next INVITE that starts a call, as a Call this peer may answer."""
        return Call(self, self.expect_request("INVITE", seconds, call_id), caller=False)

    def close(self):
        self.closed = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Call:
    """One side of a dialog (RFC 3261 §12) made by an INVITE."""

    def __init__(self, peer, invite, caller):
        self.peer = peer
        self.invite = invite
        self.caller = caller
        self.call_id = invite.call_id
        self.routes = []
        self.remote_target = None
        if not caller:
            self.local = f"{invite.get('to')};tag={peer.tag_for(invite)}"
            self.remote = invite.get("from")
            self.routes = invite.all("record-route")
            self.remote_target = sip.uri_of(invite.get("contact"))
        self.cseq = invite.cseq[0] if caller else 100

    # as the caller
    def expect(self, statuses, seconds=6):
        return self.peer.expect_response(self.invite, statuses, seconds, resend=True)

    def expect_final(self, statuses, seconds=6):
        """A final response in `statuses`; anything else fails at once. A non-2xx is acknowledged."""
        allowed = {statuses} if isinstance(statuses, int) else statuses
        final = self.expect(range(200, 700), seconds)
        if final.status >= 300:
            self.peer.acknowledge(self.invite, final)
        if final.status not in allowed:
            raise Failure(f"{self.peer.name} wanted {statuses} to its INVITE and got {final.start}")
        return final

    def answered(self, seconds=6):
        """Wait for the 200, learn the dialog from it and acknowledge."""
        final = self.expect_final(range(200, 300), seconds)
        self.local = self.invite.get("from")
        self.remote = final.get("to")
        self.routes = list(reversed(final.all("record-route")))
        self.remote_target = sip.uri_of(final.get("contact"))
        self.ack(final, self.invite)
        return final

    def ack(self, final, request):
        ack = self.request("ACK", cseq=request.cseq[0])
        self.peer.remember_ack(final, ack)
        self.peer.send(ack)

    def cancel(self):
        request = sip.Message(f"CANCEL {self.invite.request_uri} SIP/2.0")
        request.add("Via", self.invite.get("via")).add("Max-Forwards", "70")
        request.add("From", self.invite.get("from")).add("To", self.invite.get("to"))
        request.add("Call-ID", self.call_id).add("CSeq", f"{self.invite.cseq[0]} CANCEL")
        return self.peer.transact(request, authorize=False)

    # as the callee
    def reply(self, status, reason="", body=None, headers=()):
        if body is None:
            body = sip.sdp() if 200 <= status < 300 else b""
        return self.peer.reply(self.invite, status, reason, body=body, headers=headers)

    def expect_ack(self, seconds=5):
        return self.peer.expect_request("ACK", seconds, self.call_id)

    # as either
    def request(self, method, cseq=None, body=b""):
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        message = sip.Message(f"{method} {self.remote_target} SIP/2.0")
        message.add("Via", self.peer.new_via()).add("Max-Forwards", "70")
        for route in self.routes:
            message.add("Route", route)
        message.add("From", self.local).add("To", self.remote)
        message.add("Call-ID", self.call_id).add("CSeq", f"{cseq} {method}")
        if method in ("INVITE", "UPDATE"):
            message.add("Contact", self.peer.contact)
        if body:
            message.add("Content-Type", "application/sdp")
            message.body = body
        return message

    def bye(self, seconds=6):
        """Send BYE without credentials; the final response."""
        return self.peer.transact(self.request("BYE"), seconds, authorize=False)

    def reinvite(self, other, seconds=6):
        """A re-INVITE to `other` (the far Call), answered with 200 and acknowledged."""
        request = self.request("INVITE", body=sip.sdp(port=20002))
        self.peer.send(request)
        arrived = other.peer.expect_request("INVITE", seconds, self.call_id)
        if sip.uri_of(f"<{arrived.request_uri}>") != sip.uri_of(other.peer.contact):
            raise Failure(f"the re-INVITE came with Request-URI {arrived.request_uri}")
        other.peer.reply(arrived, 200, body=sip.sdp(port=20004))
        final = self.peer.expect_response(request, range(200, 700), seconds, resend=True)
        if final.status != 200:
            raise Failure(f"the re-INVITE of {self.peer.name} got {final.start}")
        self.ack(final, request)
        other.peer.expect_request("ACK", seconds, self.call_id)

    def hang_up(self, other, seconds=6):
        """BYE to `other`, which answers it."""
        request = self.request("BYE")
        self.peer.send(request)
        other.peer.reply(other.peer.expect_request("BYE", seconds, self.call_id), 200)
        final = self.peer.expect_response(request, range(200, 700), seconds, resend=True)
        if final.status != 200:
            raise Failure(f"the BYE of {self.peer.name} got {final.start}")


def host_port(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
