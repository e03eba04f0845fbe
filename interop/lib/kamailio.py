"""Kamailio's own example, unedited, under Debian's Kamailio and under ours: one include file, one set of defines.

The example (`kamailio-basic-kemi.cfg` and its Lua script) is read where the package put it. All that a
site may say about it stands in `kamailio-local.cfg`, which the example imports from the folder it is
started in; it is the same for both servers apart from the port.
"""

import gzip
import hashlib
import os
import shutil
import subprocess

from .scenario import Skip
from .server import Server

EXAMPLE = "kamailio-basic-kemi.cfg"
SCRIPT = "kamailio-basic-kemi-lua.lua"
DOMAIN = "kam.test"
TRUSTED = "127.0.0.59"

ADDRESSES = """listen=udp:127.0.0.1:@PORT@
listen=tcp:127.0.0.1:@PORT@
auto_aliases=no
alias="@DOMAIN@"
"""

# The example loads db_mysql and rtpproxy whatever is defined, and names its script under /usr/local. Kamailio
# substitutes inside quoted strings as it reads them: text tables in place of MySQL, and in place of the media
# relay a module and a setting of which the script sees nothing.
LOCAL = ADDRESSES + r"""#!subst "/^db_mysql\.so$/db_text.so/"
#!subst "!^.*/kamailio-basic-kemi-lua\.lua$!@SCRIPT@!"
#!subst "/^rtpproxy\.so$/cfgutils.so/"
#!subst "/^rtpproxy$/pv/"
#!subst "/^rtpproxy_sock$/shvset/"
#!subst "/^udp:127\.0\.0\.1:7722$/rtpproxy=i:0/"
"""

# Columns as Debian's dbtext schema has them, for what the example reads and writes.
VERSIONS = {"version": 1, "subscriber": 7, "location": 9, "address": 6, "trusted": 6, "acc": 5, "missed_calls": 4}
ACCOUNT = "id(int,auto) method(string) from_tag(string) to_tag(string) callid(string) sip_code(string) sip_reason(string) " \
          "time(int) src_user(string) src_domain(string) src_ip(string) dst_ouser(string) dst_user(string) dst_domain(string)"
TABLES = {
    "version": "id(int,auto) table_name(string) table_version(int)",
    "subscriber": "id(int,auto) username(string) domain(string) password(string) ha1(string) ha1b(string)",
    "location": "id(int,auto) ruid(string) username(string) domain(string,null) contact(string) received(string,null) "
                "path(string,null) expires(int) q(double) callid(string) cseq(int) last_modified(int) flags(int) cflags(int) "
                "user_agent(string) socket(string,null) methods(int,null) instance(string,null) reg_id(int) server_id(int) "
                "connection_id(int) keepalive(int) partition(int)",
    "address": "id(int,auto) grp(int) ip_addr(string) mask(int) port(int) tag(string,null)",
    "trusted": "id(int,auto) src_ip(string) proto(string) from_pattern(string,null) ruri_pattern(string,null) "
               "tag(string,null) priority(int)",
    "acc": ACCOUNT,
    "missed_calls": ACCOUNT,
}


def installed():
    """The folder of Kamailio's examples, as the package lists it; Skip if there is none."""
    if shutil.which("kamailio") is None:
        raise Skip("kamailio is not installed")
    listed = subprocess.run(["dpkg", "-L", "kamailio", "kamailio-lua-modules"], capture_output=True, text=True).stdout.split("\n")
    if not any(path.endswith("/app_lua.so") for path in listed):
        raise Skip("kamailio-lua-modules is not installed")
    for path in listed:
        if os.path.basename(path) in (EXAMPLE, EXAMPLE + ".gz"):
            return os.path.dirname(path)
    raise Skip(f"the package kamailio has no {EXAMPLE}")


def example(folder, name):
    """The path of an example file; a compressed one is unpacked into `folder` first."""
    path = os.path.join(installed(), name)
    if os.path.exists(path):
        return path
    plain = os.path.join(folder, name)
    with gzip.open(path + ".gz", "rb") as packed, open(plain, "wb") as out:
        shutil.copyfileobj(packed, out)
    return plain


def write_tables(folder, domain, passwords):
    """The text tables: accounts, one trusted address, the rest empty. An empty field is null to db_text."""
    rows = {name: [] for name in TABLES}
    rows["version"] = [f"0:{name}:{version}" for name, version in VERSIONS.items()]
    for number, (user, password) in enumerate(passwords.items(), 1):
        hashes = [hashlib.md5(f"{name}:{domain}:{password}".encode()).hexdigest() for name in (user, f"{user}@{domain}")]
        rows["subscriber"].append(":".join([str(number), user, domain, password, *hashes]))
    rows["address"] = [f"1:1:{TRUSTED}:32:0:"]
    for name, columns in TABLES.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as out:
            out.write("\n".join([columns, *rows[name]]) + "\n")


class ScriptServer(Server):
    """What both servers share: the configuration to run, its defines, `kamailio-local.cfg` and the tables."""

    def __init__(self, world, name, users, config=None, local=LOCAL):
        super().__init__(world, name, users)
        self.domain = DOMAIN
        self.tables = world.directory(f"{name}/tables")
        write_tables(self.tables, DOMAIN, self.passwords)
        self.defines = [f'DBURL="text://{self.tables}"']
        if config is None:
            config = example(self.directory, EXAMPLE)
            local = local.replace("@SCRIPT@", example(self.directory, SCRIPT))
            self.defines.insert(0, "WITH_CFGLUA")
        self.config = config
        with open(os.path.join(self.directory, "kamailio-local.cfg"), "w", encoding="ascii") as out:
            out.write(local.replace("@PORT@", str(self.port)).replace("@DOMAIN@", DOMAIN))

    def arguments(self):
        return [word for define in self.defines for word in ("-A", define)]


class DebianKamailio(ScriptServer):
    def __init__(self, world, users, name="kamailio", **settings):
        super().__init__(world, name, users, **settings)

    def command(self):
        run = self.world.directory(f"{self.name}/run")
        return ["kamailio", "-f", self.config, "-DD", "-E", "-Y", run, "-w", run, "-P", os.path.join(run, "pid"),
                "-m", "64", "-M", "8", *self.arguments()]


class StrowgerKamailio(ScriptServer):
    def __init__(self, world, users, name="strowger", **settings):
        super().__init__(world, name, users, **settings)

    def command(self):
        return [self.world.binary, "run", "--kamailio", self.config, *self.arguments()]


def servers(world, users=("alice", "bob", "carol"), defines=lambda server: (), **settings):
    """Kamailio and ours, started. Ours is None with `--reference-only`, and a second Kamailio with `--stand-in`."""
    installed()
    kinds = [DebianKamailio] + ([] if world.reference_only else [DebianKamailio if world.stand_in else StrowgerKamailio])
    pair = []
    for kind, name in zip(kinds, ("kamailio", "strowger")):
        server = kind(world, users, name=name, **settings)
        server.defines += defines(server)
        pair.append(server.start())
    return pair[0], pair[1] if len(pair) > 1 else None
