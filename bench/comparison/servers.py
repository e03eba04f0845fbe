"""The servers that are compared, and how each is started."""

import glob
import os
import re
import shutil
import subprocess

from .processes import Fault
from .scenarios import SCENARIOS

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPT = os.path.join(BENCH, "scripts", "bench.lua")
ACCOUNTS = 20_000
PASSWORD = "secret"
LUA_MODULE = [f"{folder}/kamailio/modules/app_lua.so" for folder in
              ("/usr/lib/*", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")]

STROWGER = """domains = ["bench.test"]
listen  = ["udp:127.0.0.1:{port}"]
data    = "memory"
workers = {workers}

[auth]
required = {digest}

[limits]
trusted_sources = ["127.0.0.0/8"]

[admin]
socket = "admin.sock"

[log]
level = "error"
"""


class Server:
    """One that takes part. `name` stands in the tables, `about` in the legend."""

    def __init__(self, name, about, scenarios=None):
        self.name, self.about = name, about
        self.scenarios = set(scenarios or SCENARIOS)

    def missing(self):
        """Why it cannot take part, or None."""
        return None

    def command(self, port, folder):
        """The words to start it with, in the foreground. The folder is empty, and its working directory."""
        raise NotImplementedError

    def prepare(self, folder):
        """What is done once it runs."""


class Kamailio(Server):
    """Debian's Kamailio. With `allocator` None it is as packaged: the debugging allocator."""

    def __init__(self, name, about, config, allocator="fm", receivers=1):
        super().__init__(name, about)
        self.config, self.allocator, self.receivers = config, allocator, receivers

    def missing(self):
        if kamailio() is None:
            return "kamailio is not installed (Debian: apt install kamailio)"
        if self.config == "lua.cfg" and not any(glob.glob(pattern) for pattern in LUA_MODULE):
            return "app_lua is not installed (Debian: apt install kamailio-lua-modules)"
        return None

    def command(self, port, folder):
        tuned = ["-x", self.allocator, "-X", self.allocator] if self.allocator else []
        return [kamailio(), *tuned, "-m", "2048", "-M", "16", "-b", "4194304", "-DD", "-E",
                "-f", os.path.join(BENCH, "kamailio", self.config),
                "-A", f"PORT={port}", "-A", f"RECEIVERS={self.receivers}", "-A", f'SCRIPT="{SCRIPT}"',
                "-w", folder, "-Y", folder, "-P", os.path.join(folder, "pid")]


class Strowger(Server):
    """Ours, with its own routing; with `digest` every user has an account and is challenged."""

    def __init__(self, name, about, binary, workers, digest=False):
        super().__init__(name, about, [s.name for s in SCENARIOS.values() if s.digest == digest])
        self.binary, self.workers, self.digest = binary, workers, digest

    def command(self, port, folder):
        with open(os.path.join(folder, "strowger.toml"), "w", encoding="utf-8") as out:
            out.write(STROWGER.format(port=port, workers=self.workers, digest=str(self.digest).lower()))
        return [self.binary, "run", "-c", "strowger.toml"]

    def prepare(self, folder):
        if self.digest:
            path = os.path.join(folder, "accounts.csv")
            with open(path, "w", encoding="utf-8") as out:
                out.writelines(f"a{number:08},{PASSWORD}\n" for number in range(ACCOUNTS))
            run = subprocess.run([self.binary, "user", "-c", "strowger.toml", "import", path],
                                 cwd=folder, capture_output=True, text=True, check=False)
            if run.returncode != 0:
                raise Fault(f"{self.name}: the accounts could not be imported\n{run.stderr.strip()}")


class StrowgerScript(Server):
    """Ours with the script, from the configuration that Kamailio reads too."""

    def __init__(self, name, about, binary, workers):
        super().__init__(name, about)
        self.binary, self.workers = binary, workers

    def command(self, port, folder):
        return [self.binary, "run", "--kamailio", os.path.join(BENCH, "kamailio", "lua.cfg"),
                "-A", f"PORT={port}", "-A", f"RECEIVERS={self.workers}", "-A", f'SCRIPT="{SCRIPT}"']


def kamailio():
    """Path of Kamailio, which Debian keeps where only root looks; None if there is none."""
    return shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")


def kamailio_version():
    """Its version, such as `5.6.3`, or None."""
    if kamailio() is None:
        return None
    run = subprocess.run([kamailio(), "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"kamailio (\S+)", run.stdout)
    return found.group(1) if found else "of unknown version"


def servers(binary, workers=1, receivers=1):
    """All there are, by name. The first is the anchor."""
    tuned = f"fast allocator (-x fm -X fm), {receivers} receiver{'s' * (receivers != 1)}"
    ours = f"{workers} worker{'s' * (workers != 1)}, registrations in memory"
    every = [
        Kamailio("kamailio", f"Kamailio, tuned: {tuned}; its own routing language", "native.cfg", receivers=receivers),
        Kamailio("kamailio-lua", f"Kamailio, tuned: {tuned}; bench.lua over KEMI", "lua.cfg", receivers=receivers),
        Kamailio("kamailio-packaged", f"Kamailio as packaged: debugging allocator, {receivers} receiver(s)", "native.cfg",
                 allocator=None, receivers=receivers),
        Strowger("strowger", f"Strowger, own routing, {ours}; nobody is challenged", binary, workers),
        Strowger("strowger-digest", f"Strowger, own routing, {ours}; {ACCOUNTS:,} accounts, everybody is challenged",
                 binary, workers, digest=True),
        StrowgerScript("strowger-lua", f"Strowger, {ours}; bench.lua, from the configuration of kamailio-lua", binary, workers),
    ]
    return {server.name: server for server in every}


ANCHOR = "kamailio"
ANCHOR_LUA = "kamailio-lua"
DEFAULT = ["kamailio", "kamailio-lua", "strowger", "strowger-digest", "strowger-lua"]
