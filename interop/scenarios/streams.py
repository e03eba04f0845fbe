"""TCP: keep-alives, messages in pieces and in heaps, nonsense, and what never ends."""

import random
import socket
import time

from lib import sip
from lib.processes import Failure, wait_until
from lib.scenario import scenario
from lib.server import ping


def options(server, number, transport="TCP"):
    uri = f"sip:{server.host_port}"
    return sip.Message(f"OPTIONS {uri} SIP/2.0", [
        ("Via", f"SIP/2.0/{transport} 127.0.0.1:9;branch={sip.new_branch()};rport"), ("Max-Forwards", "70"),
        ("From", f"<sip:a@b.invalid>;tag={sip.token()}"), ("To", f"<{uri}>"), ("Call-ID", sip.token()),
        ("CSeq", f"{number} OPTIONS")]).encode()


class Stream:
    def __init__(self, server):
        self.socket = socket.create_connection(server.address("tcp"), timeout=3)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def answers(self, count):
        found = []
        while len(found) < count:
            part = self.socket.recv(65536)
            if not part:
                raise Failure(f"the connection was closed after {len(found)} of {count} answers")
            more, self.rest = sip.frames(self.rest + part)
            found += [sip.Message.parse(m) for m in more]
        return found

    def closed(self, seconds):
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            pass
        return True


@scenario("tcp-keep-alive")
def keep_alive(world):
    """CRLF CRLF is answered with CRLF (RFC 5626 §3.5.1), between messages too."""
    server = world.server()
    with Stream(server) as stream:
        stream.socket.sendall(b"\r\n\r\n")
        if stream.socket.recv(10) != b"\r\n":
            raise Failure("no CRLF came back")
        stream.socket.sendall(b"\r\n" + options(server, 1) + b"\r\n\r\n")
        stream.answers(1)


@scenario("tcp-pieces-and-heaps")
def pieces(world):
    """One octet at a time, then twenty messages in one segment."""
    server = world.server()
    with Stream(server) as stream:
        stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in options(server, 1):
            stream.socket.send(bytes([octet]))
        stream.answers(1)
        stream.socket.sendall(b"".join(options(server, n) for n in range(2, 22)))
        got = sorted(m.cseq[0] for m in stream.answers(20))
        if got != list(range(2, 22)):
            raise Failure(f"answers to {got}")


@scenario("tcp-nonsense", stand_in=False)
def nonsense(world):
    """Nonsense ends the connection; the server goes on. A message that never ends is not waited for."""
    server = world.server(limits={"message_timeout_ms": 600})
    with Stream(server) as stream:
        stream.socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        if not stream.closed(3):
            raise Failure("the connection stayed open after an HTTP request")
    with Stream(server) as stream:
        stream.socket.sendall(b"\x16\x03\x01\x02\x00" + bytes(600) + b"\r\n\r\n")
        if not stream.closed(3):
            raise Failure("the connection stayed open after octets that are no SIP")
    with Stream(server) as stream:
        stream.socket.sendall(options(server, 1)[:80])
        began = time.monotonic()
        if not stream.closed(4):
            raise Failure("half a message was waited for without end")
        if time.monotonic() - began < 0.3:
            raise Failure("half a message was not waited for at all")
    with Stream(server) as stream:
        stream.socket.sendall(b"OPTIONS sip:x SIP/2.0\r\nX: " + b"z" * 200_000)
        if not stream.closed(4):
            raise Failure("a header field without end was read on and on")
    with Stream(server) as stream:
        stream.socket.sendall(options(server, 9))
        stream.answers(1)


@scenario("udp-nonsense")
def udp_nonsense(world):
    """Random datagrams, empty ones and keep-alives harm nobody."""
    server = world.server()
    chance = random.Random(7)
    good = options(server, 1, "UDP")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for number in range(2000):
            octets = bytearray(good)
            for _ in range(chance.randrange(1, 12)):
                octets[chance.randrange(len(octets))] = chance.randrange(256)
            s.sendto(bytes(octets) if number % 3 else chance.randbytes(chance.randrange(0, 400)), server.address())
            if number % 100 == 0:
                time.sleep(0.005)
    wait_until(lambda: ping(server.address()), 3, "an answer after the nonsense", give_up=lambda: not server.process.running)
    if "panicked" in server.process.log():
        raise Failure("a shard panicked")


@scenario("tcp-many-connections", stand_in=False)
def many(world):
    """A limit per source: more connections are closed, those below it work, others are not harmed."""
    server = world.server(limits={"connections_per_source_max": 20})
    streams = [Stream(server) for _ in range(40)]
    alive = 0
    for number, stream in enumerate(streams):
        try:
            stream.socket.sendall(options(server, number + 1))
            stream.answers(1)
            alive += 1
        except (Failure, OSError):
            pass
    if alive != 20:
        raise Failure(f"{alive} of 40 connections work, the limit is 20")
    for stream in streams:
        stream.socket.close()
    with socket.create_connection(server.address("tcp"), timeout=3, source_address=("127.0.0.9", 0)) as other:
        other.sendall(options(server, 1))
        if not other.recv(100).startswith(b"SIP/2.0"):
            raise Failure("another source was refused")
