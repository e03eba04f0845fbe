"""A closed loop of REGISTERs for many accounts over one UDP socket, which remembers what was acknowledged."""

import selectors
import socket
import time

from . import sip

RESEND_SECONDS = 0.5


class Account:
    """One address of record: registers `;seq=N`, removing `;seq=N-1` in the same request."""

    def __init__(self, load, name, password):
        self.load = load
        self.credentials = sip.Credentials(name, password)
        self.name = name
        self.call_id = sip.token()
        self.cseq = 0
        self.challenge = None
        self.acknowledged = 0
        self.asked = 0
        self.request = None
        self.sent_at = 0.0
        self.fresh = False

    def contact(self, number):
        return f"<sip:{self.name}@127.0.0.1:{self.load.port};seq={number}>"

    def next(self):
        """Begin the REGISTER of the next number."""
        self.asked += 1
        contact = f"{self.contact(self.asked)};expires=3600"
        for old in range(max(1, self.acknowledged), self.asked):
            contact += f", {self.contact(old)};expires=0"
        self.build(contact)

    def refresh(self):
        """Register the one contact again, as a phone does all day."""
        self.build(f"{self.contact(1)};expires=3600")

    def query(self):
        self.build(None)

    def build(self, contact):
        aor = f"sip:{self.name}@{self.load.domain}"
        uri = f"sip:{self.load.domain}"
        self.cseq += 1
        self.request = sip.Message(f"REGISTER {uri} SIP/2.0", [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.load.port};branch={sip.new_branch()};rport"),
            ("Max-Forwards", "70"), ("From", f"<{aor}>;tag=load"), ("To", f"<{aor}>"),
            ("Call-ID", self.call_id), ("CSeq", f"{self.cseq} REGISTER")])
        if contact:
            self.request.add("Contact", contact)
        if self.challenge:
            self.request.add("Authorization", self.credentials.value(self.challenge, "REGISTER", uri))
        self.send()

    def send(self):
        self.sent_at = time.monotonic()
        self.load.transmit(self.request.encode())

    def challenged(self, response):
        """Answer a 401 with the same contacts, the next CSeq and a new branch."""
        self.fresh = False
        self.challenge = self.credentials.pick(response)
        self.build(self.request.get("contact"))


class RegisterLoad:
    def __init__(self, server, names):
        self.server = server
        self.domain = server.domain
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.accounts = {}
        for name in names:
            account = Account(self, name, server.passwords[name])
            self.accounts[account.call_id] = account
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.socket, selectors.EVENT_READ)
        self.refusals = []
        self.total = 0

    def transmit(self, octets):
        try:
            self.socket.sendto(octets, self.server.address())
        except (BlockingIOError, ConnectionRefusedError):
            pass

    def run(self, seconds):
        """Register in a closed loop for so long; answers already on their way are read to the end."""
        for account in self.accounts.values():
            account.next()
        self._loop(time.monotonic() + seconds, self._registered)

    def run_paced(self, seconds, per_second):
        """Refresh at a steady rate; the sorted response times in seconds of those that needed no new challenge."""
        accounts = list(self.accounts.values())
        times, begun, turn = [], time.monotonic(), 0

        def answered(account, response):
            if account.fresh:
                times.append(time.monotonic() - account.sent_at)
            self._count_only(account, response)
        started = 0
        while time.monotonic() < begun + seconds:
            due = int((time.monotonic() - begun) * per_second)
            while started < due:
                for _ in range(len(accounts)):
                    account = accounts[turn % len(accounts)]
                    turn += 1
                    if account.request is None:
                        break
                else:
                    break
                account.fresh = account.challenge is not None
                account.refresh()
                started += 1
            while self._read(answered):
                pass
            self.selector.select(0.0005)
        self._loop(time.monotonic() + 2, answered, until=lambda: all(a.request is None for a in accounts))
        self.rate = started / seconds
        return sorted(times)

    def drain(self):
        """Take what the server sent before it ended."""
        for _ in range(20):
            if not self._read(self._count_only):
                return

    def bindings(self, seconds=10):
        """{name: the sequence numbers that a query lists}; every account must answer."""
        found = {}

        def answered(account, response):
            values = [sip.uri_of(v) for v in response.all("contact")]
            found[account.name] = sorted(int(v.rpartition(";seq=")[2]) for v in values)
        for account in self.accounts.values():
            account.query()
        end = time.monotonic() + seconds
        self._loop(end, answered, until=lambda: len(found) == len(self.accounts))
        return found

    def _registered(self, account, response):
        self._count_only(account, response)
        account.next()

    def _count_only(self, account, response):
        account.acknowledged = account.asked
        self.total += 1

    def _loop(self, end, answered, until=lambda: False):
        while time.monotonic() < end and not until():
            if not self._read(answered):
                self.selector.select(0.02)
                now = time.monotonic()
                for account in self.accounts.values():
                    if account.request and now - account.sent_at > RESEND_SECONDS:
                        account.send()

    def _read(self, answered):
        """Handle one datagram; False if there is none."""
        try:
            octets = self.socket.recv(65536)
        except (BlockingIOError, ConnectionRefusedError):
            return False
        response = sip.Message.parse(octets)
        account = self.accounts.get(response.call_id)
        if account is None or account.request is None or response.cseq != account.request.cseq or response.branch != account.request.branch:
            return True
        if response.status == 401:
            if answered == self._count_only:
                return True
            account.challenged(response)
        elif response.status == 200:
            account.request = None
            answered(account, response)
        else:
            self.refusals.append(response.start)
            if answered != self._count_only:
                account.build(account.request.get("contact"))
        return True

    def close(self):
        self.socket.close()
