"""Count the datagrams that reach the server over loopback, its own to itself included."""

import socket
import struct
import threading

ETH_P_ALL = 3


class Wire:
    """`with Wire(server) as wire: ...; wire.count()`. Needs root (a packet socket on `lo`)."""

    def __init__(self, server):
        self.port = server.port
        self.seen = 0
        self.done = False

    def __enter__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.1)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        return self

    def _read(self):
        while not self.done:
            try:
                frame, source = self.socket.recvfrom(200)
            except TimeoutError:
                continue
            except OSError:
                break
            # Loopback shows each frame twice: going out and coming in. Count it coming in.
            if source[2] == socket.PACKET_OUTGOING or frame[12:14] != b"\x08\x00" or len(frame) < 42 or frame[23] != 17:
                continue
            ports = 14 + (frame[14] & 15) * 4
            if struct.unpack("!H", frame[ports + 2: ports + 4])[0] == self.port:
                self.seen += 1

    def count(self):
        return self.seen

    def __exit__(self, *_):
        self.done = True
        self.thread.join()
        self.socket.close()
