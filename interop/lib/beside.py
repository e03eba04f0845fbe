"""What goes on beside the calls of a load: a probe, requests that a script handles badly, and the HTTP server that one of
them waits for. One thread and one loop, so that little of the machine is taken from what is measured."""

import heapq
import random
import selectors
import socket
import time

from . import sip

PROBE_SECONDS = 0.02
HTTP_SECONDS = 2.0
# How long the last answers are waited for.
ANSWER_SECONDS = HTTP_SECONDS + 4.0
# The user of a bad request is its kind, every other time with a number: a route that the server did not see before.
KINDS = ("loop", "eat", "error", "wait")


class Sent:
    """A request that waits for its answer."""

    def __init__(self, kind, user):
        self.kind = kind
        self.user = user
        self.at = time.monotonic()
        self.status = None
        self.took = None


class Beside:
    def __init__(self, server, rate=10):
        """`rate`: requests per second of each bad kind."""
        self.server = server
        self.rate = rate
        self.selector = selectors.DefaultSelector()
        self.due = []
        self.number = 0
        self.chance = random.Random(1)
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind(("127.0.0.1", 0))
        self.sip.setblocking(False)
        self.selector.register(self.sip, selectors.EVENT_READ, self._answers)
        self.http = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.http.setblocking(False)
        self.selector.register(self.http, selectors.EVENT_READ, self._accept)
        self.url = f"http://127.0.0.1:{self.http.getsockname()[1]}/"
        self.forget()

    def forget(self):
        self.sent = {}
        self.unexpected = []
        self.late = []
        self.asked_over_http = 0

    def run(self, seconds, bad, halfway=lambda: None):
        """Probe for so long, with bad requests or without, and wait for all answers; call `halfway` on the way."""
        self.forget()
        self.end = time.monotonic() + seconds
        self._later(0, self._probe)
        self._later(seconds / 2, lambda _due: halfway())
        for kind in KINDS if bad else ():
            self._later(self.chance.random() / self.rate, self._misbehave, kind, 0)
        last = self.end + ANSWER_SECONDS
        while time.monotonic() < self.end or (time.monotonic() < last and self.unanswered()):
            self._turn()

    def unanswered(self):
        return [one for one in self.sent.values() if one.status is None]

    def of(self, kind):
        return [one for one in self.sent.values() if one.kind == kind]

    def times(self, kind):
        """The response times in seconds, sorted."""
        return sorted(one.took for one in self.of(kind) if one.took is not None)

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    # --- what is sent ---------------------------------------------------------------------------------------------

    def _probe(self, due):
        self.late.append(time.monotonic() - due)
        self._send("OPTIONS", "probe", "")
        self._again(due + PROBE_SECONDS, self._probe)

    def _misbehave(self, due, kind, count):
        self._send("MESSAGE", kind, kind if count % 2 else f"{kind}-{count}")
        # So that bad requests come close together now and then, and not always in one order.
        self._again(due + 2 * self.chance.random() / self.rate, self._misbehave, kind, count + 1)

    def _send(self, method, kind, user):
        host, port = self.server.address()
        uri = f"sip:{user}@{self.server.domain}" if user else f"sip:{host}:{port}"
        message = sip.Message(f"{method} {uri} SIP/2.0", [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.sip.getsockname()[1]};branch={sip.new_branch()};rport"),
            ("Max-Forwards", "70"), ("From", f"<sip:{kind}@beside.test>;tag={sip.token()}"), ("To", f"<{uri}>"),
            ("Call-ID", sip.token()), ("CSeq", f"1 {method}")])
        self.sent[message.call_id] = Sent(kind, user)
        self.sip.sendto(message.encode(), (host, port))

    # --- what arrives ---------------------------------------------------------------------------------------------

    def _answers(self):
        while octets := self._read(self.sip):
            now = time.monotonic()
            response = sip.Message.parse(octets)
            one = self.sent.get(response.call_id)
            if one is None or one.status is not None:
                self.unexpected.append(response.summary())
            elif response.status >= 200:
                one.status, one.took = response.status, now - one.at

    def _accept(self):
        try:
            connection, _ = self.http.accept()
        except BlockingIOError:
            return
        connection.setblocking(False)
        asked = bytearray()
        self.selector.register(connection, selectors.EVENT_READ, lambda: self._asked(connection, asked))

    def _asked(self, connection, asked):
        octets = self._read(connection)
        if octets is None:
            return
        asked += octets
        if not octets:
            self._hang_up(connection)
        elif b"\r\n\r\n" in asked:
            asked.clear()
            self.asked_over_http += 1
            self._later(HTTP_SECONDS, self._answer_http, connection)

    def _answer_http(self, _due, connection):
        if connection.fileno() >= 0:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nWaited")
            self._hang_up(connection)

    def _hang_up(self, connection):
        self.selector.unregister(connection)
        connection.close()

    def _read(self, source):
        """What there is, None if nothing came, empty octets at the end of a stream."""
        try:
            return source.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    # --- the loop -------------------------------------------------------------------------------------------------

    def _later(self, seconds, action, *arguments):
        self.number += 1
        heapq.heappush(self.due, (time.monotonic() + seconds, self.number, action, arguments))

    def _again(self, at, action, *arguments):
        if at < self.end:
            self.number += 1
            heapq.heappush(self.due, (at, self.number, action, arguments))

    def _turn(self):
        wait = min(self.due[0][0] - time.monotonic(), 0.1) if self.due else 0.1
        for key, _ in self.selector.select(max(wait, 0)):
            key.data()
        while self.due and self.due[0][0] <= time.monotonic():
            at, _, action, arguments = heapq.heappop(self.due)
            action(at, *arguments)
