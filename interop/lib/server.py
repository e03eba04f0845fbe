"""The server under test: a generated configuration in a folder of its own, free ports, readiness by OPTIONS."""

import json
import os
import socket
import subprocess
import time

from . import sip
from .processes import Failure, wait_until

HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


class Server:
    """What every server under test has: addresses, accounts, a process."""

    def __init__(self, world, name, users, ipv6=False):
        self.world = world
        self.name = name
        self.domain = "example.test"
        self.passwords = {user: f"pw-{user}" for user in users}
        self.ipv6 = ipv6
        self.port = free_port(ipv6)
        self.directory = world.directory(name)
        self.process = None
        self.starts = 0

    def address(self, transport="udp", family=socket.AF_INET):
        return HOSTS[family], self.port

    @property
    def host_port(self):
        return f"127.0.0.1:{self.port}"

    def command(self):
        raise NotImplementedError

    def launch(self):
        self.starts += 1
        self.process = self.world.start(f"{self.name}-{self.starts}", self.command(), self.directory)
        return self.process

    def start(self, seconds=10):
        self.launch()
        self.ready(seconds)
        return self

    def ready(self, seconds=10):
        """Wait until an OPTIONS to the server's own address is answered; the seconds it took."""
        began = time.monotonic()
        wait_until(lambda: ping(self.address()), seconds, f"{self.name} to answer OPTIONS",
                   give_up=lambda: not self.process.running)
        return time.monotonic() - began

    def crash(self):
        self.process.kill()

    def stop(self):
        self.process.stop()


class Strowger(Server):
    """`strowger run -c FILE`, with accounts whose passwords are `pw-<name>`."""

    def __init__(self, world, binary, users=("alice", "bob"), ipv6=False, name="strowger", data="data", **settings):
        super().__init__(world, name, users, ipv6)
        self.binary = str(binary)
        self.admin_port = free_port(False)
        self.config = os.path.join(self.directory, "strowger.toml")
        hosts = ["127.0.0.1"] + (["[::1]"] if ipv6 else [])
        self.settings = {
            "domains": [self.domain],
            "listen": [f"{t}:{h}:{self.port}" for h in hosts for t in ("udp", "tcp")],
            "data": data if data == "memory" else os.path.join(self.directory, data),
            "admin": {"listen": f"127.0.0.1:{self.admin_port}"},
            "user": [{"name": user, "password": password} for user, password in self.passwords.items()],
        }
        for key, value in settings.items():
            if isinstance(value, dict) and isinstance(self.settings.get(key), dict):
                self.settings[key] = {**self.settings[key], **value}
            else:
                self.settings[key] = value
        self.write_config()

    def write_config(self, text=None):
        with open(self.config, "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), 0o600)
            out.write(text if text is not None else toml(self.settings))

    def command(self):
        return [self.binary, "run", "-c", self.config]

    def cli(self, *words, seconds=20, stdin=None):
        """Run a command of the program against this configuration: (exit code, output, error output)."""
        return run_cli([self.binary, *words, "-c", self.config], self.directory, seconds, stdin)

    def cli_json(self, *words):
        code, out, err = self.cli(*words, "--json")
        if code != 0:
            raise Failure(f"strowger {' '.join(words)} ended with {code}: {err or out}")
        return json.loads(out)


class Kamailio(Server):
    """A stand-in: Debian's Kamailio with digest and NAT help, to prove the harness itself."""

    def __init__(self, world, users=("alice", "bob"), ipv6=False, name="kamailio", **_settings):
        super().__init__(world, name, users, ipv6)
        hosts = ["127.0.0.1"] + (["[::1]"] if ipv6 else [])
        listen = "\n".join(f"listen={t}:{h}:{self.port}" for h in hosts for t in ("udp", "tcp"))
        self.config = os.path.join(self.directory, "kamailio.cfg")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(KAMAILIO.replace("@LISTEN@", listen).replace("@PORT@", str(self.port)).replace("@RUN@", self.directory))

    def command(self):
        return ["kamailio", "-f", self.config, "-DD", "-E", "-Y", self.directory,
                "-P", os.path.join(self.directory, "pid"), "-m", "32", "-M", "8", "-w", self.directory]


def run_cli(argv, directory, seconds=20, stdin=None):
    try:
        done = subprocess.run(argv, cwd=directory, timeout=seconds, input=stdin, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(argv)} did not end in {seconds} s") from None
    return done.returncode, done.stdout, done.stderr


def ping(target, seconds=0.2):
    """One OPTIONS over UDP to the server itself; True if anything but silence came back."""
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.connect(target)
        host = f"[{target[0]}]" if ":" in target[0] else target[0]
        own = s.getsockname()
        message = sip.Message(f"OPTIONS sip:{host}:{target[1]} SIP/2.0", [
            ("Via", f"SIP/2.0/UDP {host}:{own[1]};branch={sip.new_branch()};rport"),
            ("Max-Forwards", "70"), ("From", f"<sip:ping@ping.invalid>;tag={sip.token()}"),
            ("To", f"<sip:{host}:{target[1]}>"), ("Call-ID", sip.token()), ("CSeq", "1 OPTIONS")])
        try:
            s.send(message.encode())
            return s.recv(65536).startswith(b"SIP/2.0 ")
        except OSError:
            time.sleep(0.01)
            return False


_next_port = [5100 + (os.getpid() * 37) % 3500]


def free_port(ipv6=False):
    """A port of four digits (sipsak cuts longer ones) that is free for UDP and TCP, with a gap before the next."""
    for _ in range(1000):
        _next_port[0] = 5100 + (_next_port[0] - 5100 + 4) % 3600
        port = _next_port[0]
        families = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0")]
        if ipv6:
            families.append((socket.AF_INET6, "::1"))
        if all(_bindable(f, k, h, p) for p in (port, port + 1) for f, h in families for k in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            return port
    raise Failure("found no free port")


def _bindable(family, kind, host, port):
    with socket.socket(family, kind) as s:
        if kind == socket.SOCK_STREAM:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError:
            return False
    return True


def toml(settings):
    """The configuration file for nested dictionaries, lists of tables and plain values."""
    lines = [f"{k} = {_toml_value(v)}" for k, v in settings.items() if not _is_table(v)]
    for key, value in settings.items():
        if isinstance(value, dict):
            lines += ["", f"[{key}]"] + [f"{k} = {_toml_value(v)}" for k, v in value.items()]
        elif _is_table(value):
            for one in value:
                lines += ["", f"[[{key}]]"] + [f"{k} = {_toml_value(v)}" for k, v in one.items()]
    return "\n".join(lines) + "\n"


def _is_table(value):
    return isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict))


def _toml_value(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


KAMAILIO = r"""#!KAMAILIO
debug=2
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
alias="example.test"
@LISTEN@
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "jsonrpcs.so"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "nathelper.so"
modparam("jsonrpcs", "transport", 0)
modparam("usrloc", "db_mode", 0)
modparam("registrar", "received_avp", "$avp(RECEIVED)")
modparam("nathelper", "received_avp", "$avp(RECEIVED)")
modparam("registrar", "append_branches", 1)
modparam("auth", "nonce_count", 1)
modparam("auth", "qop", "auth")
request_route {
    force_rport();
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (has_totag()) {
        if (loose_route()) { handle_ruri_alias(); t_relay(); exit; }
        if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
        sl_send_reply("404", "Not here"); exit;
    }
    if (!is_method("CANCEL|ACK")) t_check_trans();
    if (is_method("OPTIONS") && $rU == $null) { sl_send_reply("200", "OK"); exit; }
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("example.test", "pw-$tU", "0")) { auth_challenge("example.test", "1"); exit; }
        fix_nated_register();
        save("location");
        exit;
    }
    if (!is_method("ACK")) {
        if (!pv_proxy_authenticate("example.test", "pw-$fU", "0")) { auth_challenge("example.test", "1"); exit; }
        consume_credentials();
    }
    if (is_method("INVITE|SUBSCRIBE")) { record_route(); set_contact_alias(); }
    if (uri != myself) { sl_send_reply("403", "Not relaying"); exit; }
    if (!lookup("location")) { t_newtran(); t_reply("404", "Not Found"); exit; }
    t_relay();
}
onreply_route { if (is_present_hf("Contact")) set_contact_alias(); return 1; }
"""
