"""Server processes: a folder and a process group each, ended by their own id."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

READY_SECONDS = 15
END_SECONDS = 5
LOG_OCTETS_SHOWN = 2_000


class Fault(Exception):
    """The comparison cannot go on; the text says why and what to do."""


def port_is_free(port):
    """True if a UDP socket on loopback can have the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers_options(port, seconds):
    """True as soon as the server answers OPTIONS at all within the given time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.bind(("127.0.0.1", 0))
        caller.settimeout(0.2)
        own = caller.getsockname()[1]
        ends = time.monotonic() + seconds
        number = 0
        while time.monotonic() < ends:
            number += 1
            request = (
                f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKready{own}n{number}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:ready@127.0.0.1:{own}>;tag=r{number}\r\n"
                f"To: <sip:127.0.0.1:{port}>\r\nCall-ID: ready-{own}-{number}\r\n"
                f"CSeq: {number} OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
            try:
                caller.sendto(request.encode(), ("127.0.0.1", port))
                if caller.recv(4096).startswith(b"SIP/2.0 "):
                    return True
            except OSError:  # nobody there yet: refused, or no answer in time
                time.sleep(0.05)
    return False


def members(group):
    """Ids of the processes in a process group."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.getpgid(int(name)) == group:
                    found.append(int(name))
            except OSError:
                pass  # it ended meanwhile
    return found


class Running:
    """A server that runs, on a port, in a folder of its own."""

    def __init__(self, server, port):
        self.server, self.port = server, port
        if not port_is_free(port):
            raise Fault(f"UDP port {port} of 127.0.0.1 is taken\n  try: another --port-base")
        self.folder = tempfile.mkdtemp(prefix=f"compare-{server.name}-")
        self.child = None
        try:
            self._log = open(os.path.join(self.folder, "log"), "wb")
            self.child = subprocess.Popen(
                server.command(port, self.folder), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=self._log, stderr=self._log, start_new_session=True)
            if not answers_options(port, READY_SECONDS) or self.child.poll() is not None:
                raise Fault(f"{server.name} does not answer on port {port}; its log ends with\n{self.log_end()}")
            server.prepare(self.folder)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self):
        return self.child.pid

    def log_end(self):
        """The last lines of its log."""
        with open(os.path.join(self.folder, "log"), errors="replace") as log:
            return log.read()[-LOG_OCTETS_SHOWN:]

    def end(self):
        """Ask it to end; whoever of its group is left after some seconds is killed, each by its id."""
        if self.child is not None:
            if self.child.poll() is None:
                self.child.send_signal(signal.SIGTERM)
                try:
                    self.child.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    pass
            for pid in members(self.child.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            self.child.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
