"""What the peers of one trial received, with all that differs from run to run replaced by placeholders.

A value that a peer made is named after the peer and its number (`branch:alice#2`), one that came from the
server `branch:server#1`, counted per receiver. Ports become `{alice}`, `{server}`. Header fields are compared
by name with their values in order, the start line and the body octet for octet.
"""

import difflib
import re

from . import sip

LISTS = {"via", "contact", "record-route", "route", "allow", "supported"}
SCHEDULE = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 30.0]


class Entry:
    """One message as its receiver saw it. `again`: when the same came again, in seconds after the first."""

    def __init__(self, at, octets):
        self.at = at
        self.octets = octets
        self.again = []
        self.start = ""
        self.headers = {}
        self.body = ""

    @property
    def status(self):
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else None

    def lines(self, again, began):
        out = [self.start]
        for name in sorted(self.headers):
            out += [f"  {name}: {value}" for value in self.headers[name]]
        out += [f"  | {line}" for line in self.body.split("\n") if line]
        if again == "count":
            out.append(f"  received {1 + len(self.again)} times")
        elif again == "times":
            out.append("  after " + ", ".join(f"{snap(t):g}" for t in [self.at - began, *self.again]) + " s")
        return out


class Transcript:
    def __init__(self, received, facts, again="no"):
        self.received = received
        self.facts = facts
        self.again = again
        self.began = min((entry.at for entries in received.values() for entry in entries), default=0)

    def at(self, label):
        return self.received.get(label, [])

    def starts(self, label):
        return [entry.start for entry in self.at(label)]

    def finals(self, label):
        return [entry.start[8:] for entry in self.at(label) if (entry.status or 0) >= 200]

    def lines(self):
        out = []
        for label in sorted(self.received):
            out.append(f"== {label} received")
            for entry in self.received[label]:
                out += entry.lines(self.again, self.began)
        return out + (["== found", *self.facts] if self.facts else [])

    def __str__(self):
        return "\n".join(self.lines()) + "\n"

    def difference(self, other):
        """A readable diff from this transcript (Kamailio's) to `other` (ours); empty if they are equal."""
        return "\n".join(difflib.unified_diff(self.lines(), other.lines(), "kamailio", "strowger", lineterm="", n=4))


def snap(seconds):
    """A measured time as the retransmission schedule has it."""
    near = min(SCHEDULE, key=lambda t: abs(t - seconds))
    return near if abs(near - seconds) < 0.4 else round(seconds, 1)


def build(messages, peers, server, facts, again="no", since=0):
    """The transcript of `messages`, a log of (time, label, arrow, octets); those before `since` only lend their names."""
    names = Names(messages, peers, server)
    received = {}
    for at, label, arrow, octets in messages[since:]:
        if arrow != "<-":
            continue
        entries = received.setdefault(label, [])
        earlier = next((e for e in entries if e.octets == octets), None)
        if earlier is not None:
            earlier.again.append(at - earlier.at)
            continue
        entries.append(names.normal(label, Entry(at, octets)))
    return Transcript(received, facts, again)


class Names:
    """Placeholders for branches, tags, Call-IDs, nonces and addresses."""

    def __init__(self, messages, peers, server):
        self.own = {}
        self.foreign = {}
        self.counts = {}
        self.ports = {str(server.port): "{server}"}
        self.hosts = {}
        for peer in peers:
            self.ports[str(peer.address[1])] = f"{{{peer.label}}}"
            if peer.address[0] != "127.0.0.1":
                self.hosts[peer.address[0]] = f"{{{peer.label}.ip}}"
        heard = set()
        for _at, label, arrow, octets in messages:
            for kind, value in volatile(octets):
                if (kind, value) in self.own:
                    continue
                if arrow == "->" and value not in heard:
                    self.own[(kind, value)] = f"{kind}:{self.number(label, kind)}"
                elif arrow == "<-" and (label, kind, value) not in self.foreign:
                    heard.add(value)
                    number = self.number(label, kind, "server").partition("#")[2]
                    # Kamailio's nonces are new once a second: which are equal is chance.
                    self.foreign[(label, kind, value)] = f"{kind}:server" + (f"#{number}" if kind != "nonce" else "")

    def number(self, label, *kind):
        count = self.counts[(label, kind)] = self.counts.get((label, kind), 0) + 1
        return f"{label}#{count}"

    def normal(self, label, entry):
        swaps = {v: self.own.get((k, v)) or self.foreign[(label, k, v)] for k, v in volatile(entry.octets)}
        message = sip.Message.parse(entry.octets)
        entry.start = self.text(message.start, swaps)
        for name, _value in message.headers:
            name = sip.canonical(name)
            if name not in entry.headers:
                values = message.all(name) if name in LISTS else [v for n, v in message.headers if sip.canonical(n) == name]
                entry.headers[name] = [self.field(name, value, swaps) for value in values]
        entry.body = self.text(message.body.decode("utf-8", "replace").replace("\r\n", "\n"), swaps)
        return entry

    def field(self, name, value, swaps):
        value = self.text(value, swaps)
        if name in ("server", "user-agent"):
            value = re.sub(r"(?i)(kamailio|strowger)\b.*", "{software}", value)
        if name == "via" and "branch=branch:server" in value:
            # What a proxy notes for itself in its own Via (Kamailio: the TCP connection) is its own business.
            value = re.sub(r";i=\w+", "", value)
        if name in ("via", "contact", "record-route"):
            value = sorted_parameters(value)
        if name in ("record-route", "route"):
            value = re.sub(r"<sip:[^@<>;]+@127\.0\.0\.1:{server}", "<sip:127.0.0.1:{server}", value)
        if name == "contact":
            value = re.sub(r"expires=(\d+)", lambda m: f"expires={whole_minute(int(m.group(1)))}", value)
        return re.sub(r"[ \t]+", " ", value)

    def text(self, value, swaps):
        for old in sorted(swaps, key=len, reverse=True):
            value = value.replace(old, swaps[old])
        for host, name in self.hosts.items():
            value = re.sub(rf"(?<![\d.]){re.escape(host)}(?![\d.])", name, value)
        return re.sub(r"(?<=[:=~ ])\d{4,5}\b", lambda m: self.ports.get(m.group(0), m.group(0)), value)


def volatile(octets):
    """(kind, value) of what is new in every run, in the order of appearance."""
    text = octets.decode("utf-8", "replace")
    found = []
    for kind, pattern in (("branch", r"branch=([^;,\s]{6,})"), ("tag", r";tag=([^;,\s]{6,})"),
                          ("call-id", r"(?im)^(?:call-id|i)[ \t]*:[ \t]*(\S+)"), ("nonce", r'nonce="([^"]{6,})"')):
        found += [(kind, value) for value in re.findall(pattern, text)]
    return found


def whole_minute(seconds):
    """Seconds that are left of a whole number of minutes, as that number."""
    return seconds + -seconds % 60 if -seconds % 60 <= 5 else seconds


def sorted_parameters(value):
    """The parameters behind the address or sent-by, in alphabetical order."""
    cut = value.rfind(">") + 1 or value.find(";")
    if cut < 0:
        return value
    return value[:cut] + "".join(";" + p.strip() for p in sorted(re.findall(r';((?:[^;"]|"[^"]*")*)', value[cut:])))
