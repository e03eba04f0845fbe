"""Drive sipsak 0.9: it knows UDP over IPv4 only, and cuts a port of five digits in a URI."""

import os
import shutil

from .scenario import Skip
from .server import free_port, run_cli


class Sipsak:
    def __init__(self, world, server, user, password=None):
        if shutil.which("sipsak") is None:
            raise Skip("sipsak is not installed")
        self.server = server
        self.user = user
        self.password = password or server.passwords[user]
        self.directory = world.directory(f"sipsak-{user}")
        self.port = free_port()

    def register(self):
        """(exit code, output)"""
        return self._run("-U", "-C", f"sip:{self.user}@127.0.0.1:{self.port}", "-x", "60",
                         "-s", f"sip:{self.user}@{self.server.host_port}")

    def options(self, uri):
        """OPTIONS. Whatever it is told, sipsak calls itself `sipsak` at the server's address: be that user."""
        return self._run("-s", uri)

    def message(self, to, text):
        """Send a MESSAGE from a file: `sipsak -M` of Debian 12 crashes before it sends."""
        path = os.path.join(self.directory, "message.sip")
        uri = f"sip:{to}@{self.server.host_port}"
        with open(path, "w", encoding="utf-8", newline="") as out:
            out.write("\r\n".join([
                f"MESSAGE {uri} SIP/2.0", f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK.sipsak.1;rport",
                f"From: <sip:{self.user}@{self.server.host_port}>;tag=sipsak1", f"To: <{uri}>",
                f"Call-ID: sipsak-{self.port}@127.0.0.1", "CSeq: 1 MESSAGE", "Max-Forwards: 70",
                "Content-Type: text/plain", f"Content-Length: {len(text)}", "", text]))
        return self._run("-f", path, "-s", uri)

    def _run(self, *words):
        argv = ["sipsak", "-vvv", "-l", str(self.port), "-u", self.user, "-a", self.password, *words]
        code, out, err = run_cli(argv, self.directory, 20)
        return code, out + err
