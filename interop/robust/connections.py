"""Connections that never say anything whole, and more of them than there are descriptors."""

import errno
import os
import resource
import selectors
import socket
import time

from lib import sip
from lib.processes import Failure, wait_until
from lib.server import ping
from robust.program import Load, all_went, cpu_seconds, descriptors, metrics, ms, program, registered, same_process

HALF = b"OPTIONS sip:example.test SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKhalf\r\nX-Never-Ends: "


class Crowd:
    """Many connections from many sources that send a half message each; what the server closes is opened again."""

    def __init__(self, server, sources, each, start=HALF, slow=b"a"):
        """`start` is sent at once, `slow` every second."""
        self.target = server.address()
        self.start = start
        self.slow = slow
        self.selector = selectors.DefaultSelector()
        self.wanted = [source for source in sources for _ in range(each)]
        self.refused = 0
        self.closed = 0
        self.most = 0

    @property
    def open(self):
        return len(self.selector.get_map())

    def connect(self, limit=None):
        """Open what is missing, as far as it goes."""
        for source in self.wanted[:limit]:
            self._open(source)
        self.wanted = self.wanted[limit:] if limit else []
        self.most = max(self.most, self.open)

    def _open(self, source):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setblocking(False)
        s.bind((source, 0))
        s.connect_ex(self.target)
        self.selector.register(s, selectors.EVENT_WRITE, [source, False])

    def turn(self, seconds=0.0, reopen=True):
        """Send beginnings, one octet more to the others, and take note of those that ended."""
        for key, _ in self.selector.select(seconds):
            s, state = key.fileobj, key.data
            try:
                if not state[1]:
                    problem = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if problem:
                        raise OSError(problem, os.strerror(problem))
                    s.send(self.start)
                    state[1] = True
                    self.selector.modify(s, selectors.EVENT_READ, state)
                elif not s.recv(4096):
                    raise OSError(errno.ECONNRESET, "closed")
            except BlockingIOError:
                continue
            except OSError:
                self.closed += 1
                self.selector.unregister(s)
                s.close()
                if reopen:
                    self.wanted.append(state[0])
        self.most = max(self.most, self.open)

    def trickle(self):
        """A little more on each."""
        for key in list(self.selector.get_map().values()):
            if key.data[1]:
                try:
                    key.fileobj.send(self.slow)
                except OSError:
                    pass

    def hold(self, until, reopen=True):
        """Keep them all open and slow until `until()`."""
        octet = time.monotonic() + 1
        while not until():
            self.turn(0.02, reopen)
            if self.wanted and reopen:
                self.connect(200)
            if time.monotonic() > octet:
                self.trickle()
                octet += 1

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def open_files(server):
    """What the server has open, by kind."""
    folder, kinds = f"/proc/{server.process.pid}/fd", {}
    for number in os.listdir(folder):
        try:
            kind = os.readlink(os.path.join(folder, number)).partition(":[")[0]
        except OSError:
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


def options(server, sent_by):
    """An OPTIONS to the server itself."""
    return sip.Message(f"OPTIONS sip:{server.host_port} SIP/2.0", [
        ("Via", f"SIP/2.0/TCP {sent_by};branch={sip.new_branch()}"), ("Max-Forwards", "70"),
        ("From", f"<sip:ping@ping.invalid>;tag={sip.token()}"), ("To", f"<sip:{server.host_port}>"),
        ("Call-ID", sip.token()), ("CSeq", "1 OPTIONS")]).encode()


def tcp_ping(server, source="127.0.0.1", seconds=5):
    """One OPTIONS on a connection of its own; the seconds until its answer."""
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(seconds)
        s.bind((source, 0))
        s.connect(server.address())
        s.sendall(options(server, "{}:{}".format(*s.getsockname())))
        answer = s.recv(65536)
        if not answer.startswith(b"SIP/2.0 "):
            raise OSError("closed without an answer")
    return time.monotonic() - began


@program("slow-tcp", seconds=60, seconds_long=300)
def slow(run):
    """Connections that never complete a header, from one source and from many: others are answered as ever."""
    wanted = run.count(500, 5000)
    if many_descriptors() < wanted + 200:
        raise Failure("the limit of open files is too low")
    server = run.server(limits={"trusted_sources": ["127.0.0.1"]}, log={"level": "error"})
    # The server's own limit counts too: it inherits this one's.
    for name, sources in (("one source", ["127.0.4.1"]), ("many sources", [f"127.0.4.{n}" for n in range(1, 101)])):
        before = metrics(server)
        crowd = Crowd(server, sources, wanted // len(sources))
        load = Load(run, server, "call", "--rate", 50, "--duration", f"{run.size(4, 25)}s", "--users", 20,
                    "--prefix", name[:3], "--hold", "100ms", label="call")
        registered(server, name[:3])
        pings = []
        next_ping = [time.monotonic() + 1]
        most = [0]

        def over():
            if time.monotonic() > next_ping[0]:
                next_ping[0] += 0.5
                pings.append(tcp_ping(server))
                most[0] = max(most[0], int(metrics(server)["connections"]))
            return not load.process.running

        crowd.connect(wanted)
        crowd.hold(over)
        report = load.report(60)
        after = metrics(server)
        worst = max(pings) * 1000
        run.figure(f"{name}: {crowd.most} opened at a time, {most[0]} held by the server, {crowd.closed} closed by it "
                   f"({int(after['net_streams_closed_slow'] - before['net_streams_closed_slow'])} slow, "
                   f"{int(after['net_streams_refused_source'] - before['net_streams_refused_source'])} over the source's limit)")
        run.figure(f"calls of others {report['operations']}, p99 {ms(report, 'p99'):.1f} max {ms(report, 'max'):.1f} ms; "
                   f"{len(pings)} OPTIONS over TCP, slowest {worst:.1f} ms")
        crowd.close()
        all_went(run, report, "calls of others", refused=0.01)
        run.must_in_time(ms(report, "p99") < 50, f"p99 of others was {ms(report, 'p99'):.1f} ms")
        run.must_in_time(worst < 50, f"OPTIONS over TCP took {worst:.1f} ms")
        wait_until(lambda: metrics(server)["connections"] == 0, 15, "the server to close what its peers closed")
    same_process(run, server)


@program("descriptors", seconds=90, seconds_long=150)
def exhausted(run):
    """256 files may be open, and 1,000 connections come: UDP goes on, no busy loop, and all is well after."""
    many_descriptors()
    for name in ("limit at the start", "limit lowered later"):
        server = run.server(start=False, name=name.replace(" ", "-"), limits={"trusted_sources": ["127.0.0.0/8"]},
                            log={"level": "error"})
        if name == "limit at the start":
            words = server.command()
            server.command = lambda words=words: ["sh", "-c", "ulimit -n 256 && exec \"$@\"", "sh", *words]
        server.start(20)
        # The database opens its files when it first needs them.
        run.world.peer("alice", server).register()
        metrics(server)
        open_before = descriptors(server)
        if name == "limit lowered later":
            # The server has made its plans with many: now accepting fails.
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (256, 256))
        exhaust(run, server, name, open_before)
        server.stop()


def exhaust(run, server, name, open_before):
    crowd = Crowd(server, [f"127.0.6.{n}" for n in range(1, 51)], 20, start=options(server, "127.0.6.1:1"), slow=b"\r\n\r\n")
    try:
        crowd.connect()
        until = time.monotonic() + 3
        crowd.hold(lambda: time.monotonic() > until or descriptors(server) >= 256, reopen=False)
        at_peak = descriptors(server)
        load = Load(run, server, "call", "--rate", 20, "--duration", f"{run.size(3, 10)}s", "--users", 10, "--hold", "100ms")
        crowd.hold(lambda: not load.process.running, reopen=False)
        report = load.report(60)
        # Nothing but the crowd's silence now: what does waiting for descriptors cost?
        began, cpu = time.monotonic(), cpu_seconds(server)
        crowd.hold(lambda: time.monotonic() > began + run.size(3, 10), reopen=False)
        share = 100 * (cpu_seconds(server) - cpu) / (time.monotonic() - began)
        try:
            now = metrics(server, 2)
            admin = "/metrics answers, " + ", ".join(
                f"{int(v)} {k.removeprefix('net_streams_')}" for k, v in now.items() if k.startswith("net_streams_") and v)
        except Failure:
            admin = "/metrics does not answer"
        held, refused = crowd.open, crowd.closed
    finally:
        crowd.close()
    began = time.monotonic()

    def answers():
        try:
            return tcp_ping(server, "127.0.0.1", 0.5)
        except OSError:
            return None

    wait_until(answers, 30, "a new connection to be served")
    back = time.monotonic() - began
    wait_until(lambda: descriptors(server) <= open_before + 2, 10,
               f"the descriptors to be closed ({open_before} before, {open_files(server)})")
    run.figure(f"{name}: {crowd.most} connections, {refused} refused, {held} held to the end, {at_peak} descriptors of 256 in "
               f"use; {admin}")
    run.figure(f"calls over UDP {report['operations']} of {report['operations'] + report['failed']}, "
               f"p99 {ms(report, 'p99'):.1f} ms; CPU while exhausted {share:.1f} %; "
               f"connections served again after {back:.2f} s, descriptors {open_before} before, {descriptors(server)} after")
    run.must(held > 100 and (refused > 0 or at_peak == 256), f"{held} connections held, {refused} refused: not exhausted")
    all_went(run, report, "calls over UDP")
    run.must(share < 20, f"the server used {share:.0f} % of a processor")
    run.must(back < 5, f"recovery took {back:.1f} s")
    run.must(ping(server.address(), 2), "OPTIONS over UDP is not answered")
    same_process(run, server)
