"""A UDP relay between the two ends of `strowger load` and the server, which loses datagrams by a seed.

The load tool has ports that call and one port that is called; a request that leaves it belongs to the caller's hop, and so does
the answer to it. For each calling port the relay has one of its own towards the server, and one for the called port, whose number
it puts in the place of the called one in REGISTER, so that the server's requests come this way.
"""

import random
import re
import selectors
import socket
import threading

CONTACT = re.compile(rb"(?im)^(?:contact|m)[ \t]*:[^\r\n]*?@127\.0\.0\.1:(\d+)")


class Relay:
    def __init__(self, server, caller_loss=0.0, called_loss=0.0, seed=1):
        self.server = server.address()
        self.losses = {"caller": caller_loss, "called": called_loss}
        # One sequence of chances for each direction of each hop: what is lost on one changes nothing on the others.
        self.chances = {(hop, way): random.Random(f"{seed} {hop} {way}") for hop in self.losses for way in ("in", "out")}
        self.seen = dict.fromkeys(self.losses, 0)
        self.lost = dict.fromkeys(self.losses, 0)
        self.selector = selectors.DefaultSelector()
        self.front = self._socket("front")
        self.called = self._socket("called")
        self.called_port = None
        self.callers = {}
        self.done = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def target(self):
        return "udp:{}:{}".format(*self.front.getsockname())

    def _socket(self, role):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.bind(("127.0.0.1", 0))
        s.setblocking(False)
        self.selector.register(s, selectors.EVENT_READ, role)
        return s

    def _loses(self, hop, way, octets):
        # Registrations are not what is measured.
        if b" REGISTER\r\n" in octets:
            return False
        self.seen[hop] += 1
        lost = self.chances[hop, way].random() < self.losses[hop]
        self.lost[hop] += lost
        return lost

    def _run(self):
        while not self.done:
            for key, _ in self.selector.select(0.1):
                for _ in range(64):
                    try:
                        octets, source = key.fileobj.recvfrom(65536)
                    except (BlockingIOError, ConnectionRefusedError):
                        break
                    self._take(key.data, key.fileobj, octets, source)

    def _take(self, role, through, octets, source):
        if role == "front":
            if source not in self.callers:
                self.callers[source] = self._socket(source)
            octets = self._registering(octets)
            if not self._loses("caller", "in", octets):
                self.callers[source].sendto(octets, self.server)
        elif role == "called":
            if source == self.server:
                if not self._loses("called", "out", octets) and self.called_port:
                    octets = octets.replace(self._own(), b":%d" % self.called_port)
                    through.sendto(octets, ("127.0.0.1", self.called_port))
            elif not self._loses("called", "in", octets):
                through.sendto(octets, self.server)
        elif not self._loses("caller", "out", octets):
            if self.called_port:
                octets = octets.replace(self._own(), b":%d" % self.called_port)
            self.front.sendto(octets, role)

    def _own(self):
        return b":%d" % self.called.getsockname()[1]

    def _registering(self, octets):
        if not octets.startswith(b"REGISTER "):
            return octets
        found = CONTACT.search(octets)
        if found is None:
            return octets
        self.called_port = int(found.group(1))
        return octets[: found.start(1)] + self._own()[1:] + octets[found.end(1):]

    def close(self):
        self.done = True
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
