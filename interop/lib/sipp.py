"""Drive sipp with the XML scenarios of interop/sipp; exit code 0 is the verdict."""

import glob
import os
import shutil

from .processes import Failure
from .scenario import Skip
from .server import free_port

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sipp")


class Sipp:
    """One account on one port; each `run` is one scenario file from that port."""

    def __init__(self, world, server, user, transport="u1", ipv6=False):
        if shutil.which("sipp") is None:
            raise Skip("sipp is not installed")
        self.world = world
        self.server = server
        self.user = user
        self.transport = transport
        self.host = "::1" if ipv6 else "127.0.0.1"
        self.target = f"[::1]:{server.port}" if ipv6 else server.host_port
        self.port = free_port(ipv6)
        self.directory = world.directory(f"sipp-{user}")
        with open(os.path.join(self.directory, "users.csv"), "w", encoding="utf-8") as out:
            out.write(f"SEQUENTIAL\n{user};[authentication username={user} password={server.passwords[user]}]\n")

    def start(self, scenario, calls=1, callee="bob", rate=5, seconds=15, at_once=None, options=("-trace_msg",)):
        """`at_once`: calls open at a time, all if nothing is said."""
        name = f"sipp-{self.user}-{scenario}"
        argv = ["sipp", self.target, "-sf", os.path.join(FOLDER, f"{scenario}.xml"), "-inf", "users.csv",
                "-key", "domain", self.server.domain, "-key", "callee", callee,
                "-auth_uri", self.server.domain if "register" in scenario else f"{callee}@{self.server.domain}", "-i", self.host, "-p", self.port,
                "-mi", self.host, "-mp", 40000 + self.port, "-t", self.transport, "-m", calls, "-l", at_once or calls, "-r", rate,
                "-timeout", f"{seconds}s", "-timeout_error", "-recv_timeout", 9000, "-nostdin",
                "-trace_err", *options, "-message_file", f"{name}.messages", "-error_file", f"{name}.errors"]
        process = self.world.start(name, argv, self.directory)
        process.wanted_seconds = seconds
        return process

    def finish(self, process):
        code = process.wait(process.wanted_seconds + 5)
        if code != 0:
            raise Failure(f"{process.name} ended with {code}\n" + self.files(process.name))

    def run(self, scenario, **options):
        self.finish(self.start(scenario, **options))

    def files(self, name):
        text = ""
        for path in sorted(glob.glob(os.path.join(self.directory, f"{name}.*"))):
            if path.endswith((".messages", ".errors")):
                with open(path, encoding="utf-8", errors="replace") as f:
                    text += f"=== {os.path.basename(path)}\n{f.read()[-5000:]}\n"
        return text

    def lines(self, process, scenario):
        """Of a run with `-trace_shortmsg`: (seconds, sent, Call-ID, method of CSeq, start line) of each message."""
        with open(os.path.join(self.directory, f"{scenario}_{process.pid}_shortmessages.log"), encoding="ascii", errors="replace") as f:
            for line in f:
                _, _, seconds, direction, call_id, cseq, start = line.rstrip("\n").split("\t")
                yield float(seconds), direction == "S", call_id, cseq.split()[-1], start

    def messages(self, process):
        with open(os.path.join(self.directory, f"{process.name}.messages"), encoding="utf-8", errors="replace") as f:
            return f.read()
