"""One scenario's surroundings: its folder, its servers, peers and processes; all of it ends with it."""

import os
import tempfile
import time

from .peer import Peer
from .processes import Process
from .server import Kamailio, Strowger


class World:
    def __init__(self, name, binary, stand_in=False, write=False, reference_only=False, transcripts=None):
        self.name = name
        self.binary = binary
        self.stand_in = stand_in
        self.write = write
        self.reference_only = reference_only
        self.transcripts = transcripts
        self.root = tempfile.mkdtemp(prefix=f"strowger-interop-{name}-")
        self.processes = []
        self.peers = []
        self.messages = []
        self.notes = []

    def directory(self, name):
        path = os.path.join(self.root, name)
        os.makedirs(path, exist_ok=True)
        return path

    def start(self, name, argv, directory=None, env=None, stdin=False):
        process = Process(name, argv, directory or self.root, env, stdin)
        self.processes.append(process)
        return process

    def server(self, start=True, **settings):
        """A running server with these accounts and settings (see `Strowger`)."""
        if self.stand_in:
            server = Kamailio(self, **settings)
        else:
            server = Strowger(self, self.binary, **settings)
        return server.start() if start else server

    def peer(self, name, server, **options):
        peer = Peer(name, server, log=self.messages, **options)
        self.peers.append(peer)
        return peer

    def note(self, text):
        """A measured figure that stands behind the scenario's line."""
        self.notes.append(text)

    def close(self):
        for peer in self.peers:
            peer.close()
        for process in reversed(self.processes):
            process.stop()

    def report(self, out):
        """Everything that helps to understand a failure."""
        for at, name, arrow, octets in self.messages[-80:]:
            stamp = time.strftime("%H:%M:%S", time.localtime(at)) + f"{at % 1:.3f}"[1:]
            out.write(f"--- {stamp} {name} {arrow}\n{octets.decode('utf-8', 'replace').rstrip()}\n")
        for process in self.processes[-8:]:
            text = process.log()
            out.write(f"=== log of {process.name} (exit {process.code})\n{text[-6000:]}\n")
