"""Name servers that never answer, know nothing, or answer late."""

import socket
import struct
import threading
import time

from lib import sip
from robust.program import Load, all_went, at_rest, grown, metrics, ms, program, registered, same_process

LATE_SECONDS = 10
FINAL_SECONDS_MAX = 32


class NameServer:
    """`*.silent.test` gets no answer, `*.late.test` one after 10 s, everything else NXDOMAIN."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.address = "{}:{}".format(*self.socket.getsockname())
        self.asked = {"silent": 0, "late": 0, "other": 0}
        self.waiting = []
        self.done = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.done:
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _, answer, source = self.waiting.pop(0)
                self.socket.sendto(answer, source)
            try:
                query, source = self.socket.recvfrom(4096)
            except (TimeoutError, ConnectionRefusedError):
                continue
            kind = next((k for k in ("silent", "late") if b"\x04test" in query and bytes([len(k)]) + k.encode() in query), "other")
            self.asked[kind] += 1
            if kind == "other":
                self.socket.sendto(self._answer(query, 3), source)
            elif kind == "late":
                self.waiting.append((now + LATE_SECONDS, self._answer(query, 3), source))

    @staticmethod
    def _answer(query, code):
        """The question back, with this code and no records."""
        end = 12
        while end < len(query) and query[end]:
            end += 1 + query[end]
        flags = 0x8180 | code
        return query[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 0) + query[12:end + 5]

    def close(self):
        self.done = True
        self.thread.join()
        self.socket.close()


def invites(run, server, kind, count, seconds):
    """INVITEs to hosts of this kind, each another; {status: number} and the slowest final response."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.bind(("127.0.0.1", 0))
        s.settimeout(0.2)
        own = "{}:{}".format(*s.getsockname())
        begun, finals, slowest = {}, {}, 0.0
        due = time.monotonic()
        while len(finals) < count and time.monotonic() < due + seconds:
            if len(begun) < count:
                call = f"{kind}{len(begun)}"
                uri = f"sip:x@h{len(begun)}.{kind}.test"
                request = sip.Message(f"INVITE {uri} SIP/2.0", [
                    ("Via", f"SIP/2.0/UDP {own};branch=z9hG4bK{call};rport"), ("Max-Forwards", "70"),
                    ("From", f"<sip:alice@{server.domain}>;tag={call}"), ("To", f"<{uri}>"), ("Call-ID", call),
                    ("CSeq", "1 INVITE"), ("Contact", f"<sip:alice@{own}>"), ("Content-Type", "application/sdp")],
                    sip.sdp())
                s.sendto(request.encode(), server.address())
                begun[call] = (time.monotonic(), request)
                s.settimeout(0.02 if len(begun) < count else 0.2)
            try:
                response = sip.Message.parse(s.recv(65536))
            except TimeoutError:
                continue
            if response.status < 200 or response.call_id in finals:
                continue
            at, request = begun[response.call_id]
            slowest = max(slowest, time.monotonic() - at)
            finals[response.call_id] = response.status
            ack = sip.Message(request.start.replace("INVITE", "ACK", 1), [
                ("Via", request.get("via")), ("Max-Forwards", "70"), ("From", request.get("from")),
                ("To", response.get("to")), ("Call-ID", response.call_id), ("CSeq", "1 ACK")])
            s.sendto(ack.encode(), server.address())
    statuses = {}
    for status in finals.values():
        statuses[status] = statuses.get(status, 0) + 1
    run.must(len(finals) == count, f"{kind}: {count - len(finals)} of {count} callers have no final response after {seconds} s")
    return statuses, slowest


@program("dns", seconds=90, seconds_long=300)
def dns(run):
    """Name servers that never answer, answer NXDOMAIN, answer after 10 s: other calls do not notice, callers hear of it."""
    names = NameServer()
    try:
        server = run.server(limits={"trusted_sources": ["127.0.0.0/8"]}, log={"level": "error"},
                            dns={"servers": [names.address], "timeout_ms": run.size(1000, 3000)})
        for kind in ("silent", "nothing", "late"):
            before = metrics(server)
            load = Load(run, server, "call", "--rate", 50, "--duration", f"{run.size(4, 25)}s", "--users", 20,
                        "--prefix", kind, "--hold", "100ms", label=f"call-{kind}")
            registered(server, kind)
            statuses, slowest = invites(run, server, kind, run.count(50, 500), FINAL_SECONDS_MAX + 15)
            report = load.report(90)
            after = metrics(server)
            told = ", ".join(f"{n} × {s}" for s, n in sorted(statuses.items()))
            run.figure(f"{kind}: {told}, slowest final {slowest:.2f} s, "
                       f"{grown(before, after, 'late_answers')} late answers; other calls {report['operations']}, "
                       f"p99 {ms(report, 'p99'):.1f} max {ms(report, 'max'):.1f} ms")
            all_went(run, report, f"other calls, {kind}")
            run.must(slowest < FINAL_SECONDS_MAX, f"{kind}: the slowest caller waited {slowest:.1f} s")
            run.must(set(statuses) <= {404, 408, 480, 500, 503, 504}, f"{kind}: {statuses}")
            run.must_in_time(ms(report, "p99") < 20, f"{kind}: p99 of other calls {ms(report, 'p99'):.1f} ms")
        run.must(names.asked["silent"] > 0 and names.asked["late"] > 0, f"the name server was asked {names.asked}")
        if run.long:
            run.must(at_rest(server) == 0, "transactions were left")
        same_process(run, server)
    finally:
        names.close()
