"""All messages of RFC 4475 and RFC 5118, octet for octet, over UDP and TCP, against two configurations.

The outcome of each must lie within `fixtures/expectations.json`, and the table docs/rfc/torture.md
must say what happened (`run.py --write` makes it).
"""

import difflib
import json
import os
import re
import socket
import time

from lib import sip
from lib.processes import Failure
from lib.scenario import scenario

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "..", "fixtures")
TABLE = os.path.join(HERE, "..", "..", "docs", "rfc", "torture.md")
DOMAINS = ["example.com", "example.org", "example.net", "chair-dnrc.example.com", "company.com",
           "host.example.net", "registrar.example.com", "2001:db8::10", "2001:db8::c000:201"]
ANSWER_SECONDS = 3.0
SILENCE_SECONDS = 1.0
# How much longer to wait when an answer to another method came first.
OTHER_SECONDS = 0.3

# What the answer must hold beside its code, and what a later fetch must show (RFC 4475, notes of the fixtures).
CONTACTS = {
    "escnull": ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"],
    "cparam02": ["sip:+19725552222@gw1.example.net;unknownparam"],
    "regescrt": ["sip:user@example.com?Route=%3Csip:sip.example.com%3E"],
}
AORS = {"escnull": "sip:null-%00-null@example.com", "cparam01": "sip:watson@example.com",
        "cparam02": "sip:watson@example.com", "regescrt": "sip:user@example.com"}


def load():
    with open(os.path.join(FIXTURES, "expectations.json"), encoding="utf-8") as f:
        entries = json.load(f)
    if len(entries) != 62:
        raise Failure(f"expectations.json has {len(entries)} entries, not 62")
    return entries


def octets(entry):
    with open(os.path.join(FIXTURES, entry["file"]), "rb") as f:
        message = f.read()
    if entry["set"] == "rfc5118" and b"\r\n" not in message:
        message = message.replace(b"\n", b"\r\n")
        if b"\r\n\r\n" not in message:
            message = message.rstrip(b"\r\n") + b"\r\n\r\n"
        head, _, body = message.partition(b"\r\n\r\n")
        head = re.sub(rb"(?im)^(content-length|l)([ \t]*:[ \t]*)\d+", lambda m: m[1] + m[2] + str(len(body)).encode(), head)
        message = head + b"\r\n\r\n" + body
    if b"\r\n\r\n" not in message:
        message = message.rstrip(b"\r\n") + b"\r\n\r\n"
    return message


def reply_port(message):
    """The port an answer without rport goes to: that of the topmost Via's sent-by (RFC 3261 §18.2.2)."""
    text = re.sub(rb"\r\n[ \t]+", b" ", message).decode("utf-8", "replace")
    found = re.search(r"(?im)^(?:via|v)\s*:\s*SIP\s*/\s*[\d.]+\s*/\s*\w+\s+(?:\[[^\]]*\]|[^\s:;,]+)(?:\s*:\s*(\d+))?", text)
    return int(found.group(1) or 5060) if found else 5060


class Answers:
    """Final responses to one message, the right one preferred: over a stream `dblreq` is two messages, and gets two."""

    def __init__(self, message, seconds):
        self.method = message.split(None, 1)[0].decode("utf-8", "replace")
        self.end = time.monotonic() + seconds
        self.other = None
        self.own = None

    def take(self, octets):
        if re.match(rb"SIP/2.0 [2-6]\d\d ", octets):
            answer = sip.Message.parse(octets)
            if answer.method == self.method:
                self.own = answer
            elif self.other is None:
                self.other = answer
                self.end = min(self.end, time.monotonic() + OTHER_SECONDS)

    def wait(self):
        """Seconds to wait for more; 0 when the answer is there or the time is over."""
        return 0 if self.own else max(0, self.end - time.monotonic())

    def outcome(self, without):
        answer = self.own or self.other
        return (answer.status, answer) if answer else (without, None)


def over_udp(server, entry, source, message):
    answers = Answers(message, SILENCE_SECONDS if entry["kind"] == "response" else ANSWER_SECONDS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((source, reply_port(message)))
        s.sendto(message, server.address())
        while wait := answers.wait():
            s.settimeout(wait)
            try:
                answers.take(s.recv(65536))
            except TimeoutError:
                break
    return answers.outcome("silent")


def over_tcp(server, entry, source, message):
    wants_silence = "silent" in entry["expect"].get("tcp", entry["expect"]["proxy"])
    answers = Answers(message, SILENCE_SECONDS if wants_silence else ANSWER_SECONDS)
    with socket.create_connection(server.address("tcp"), timeout=2, source_address=(source, 0)) as s:
        s.sendall(message)
        rest, closed = b"", False
        while not closed and (wait := answers.wait()):
            s.settimeout(wait)
            try:
                part = s.recv(65536)
            except TimeoutError:
                break
            except ConnectionResetError:
                part = b""
            closed = not part
            found, rest = sip.frames(rest + part)
            for one in found:
                answers.take(one)
    return answers.outcome("close" if closed else "silent")


def verdict(wanted, outcome):
    """`ok`, `tolerated` or `FAIL`: see fixtures/README.md for the words."""
    def holds(word):
        if isinstance(outcome, str):
            return word == outcome
        if word.endswith("xx"):
            return outcome // 100 == int(word[0])
        if word == "understood":
            return outcome not in (400, 505, 513)
        return word.isdigit() and outcome == int(word)

    if any(holds(w) for w in wanted if not w.startswith("soft")):
        return "ok"
    soft = [w[4:] for w in wanted if w.startswith("soft")]
    if any(holds(w) for w in soft if w) or ("" in soft and outcome not in (400, 505) and not isinstance(outcome, str)):
        return "tolerated"
    return "FAIL"


def further_checks(world, server, entry, outcome, answer, lab):
    """Faults beyond the code: tags in Unsupported, contacts in the answer and in a later fetch."""
    faults = []
    if entry["id"] == "bext01" and outcome == 420:
        tags = set(answer.all("unsupported"))
        if tags != {"noProxiesSupportThis", "norDoAnyProxiesSupportThis"}:
            faults.append(f"Unsupported lists {sorted(tags)}")
    if lab and outcome == 200 and entry["id"] in AORS:
        fetched = fetch(world, server, AORS[entry["id"]])
        for where, contacts in (("answer", answer.all("contact")), ("fetch", fetched)):
            uris = [sip.uri_of(c) for c in contacts]
            for wanted in CONTACTS.get(entry["id"], []):
                if wanted not in uris:
                    faults.append(f"the {where} lists {uris}, without {wanted}")
            if entry["id"] == "cparam01" and any("unknownparam" in u for u in uris):
                faults.append(f"the {where} has unknownparam inside the URI")
        forget(world, server, AORS[entry["id"]])
    return faults


def fetch(world, server, aor):
    return lab_register(world, server, aor).all("contact")


def forget(world, server, aor):
    lab_register(world, server, aor, ("Contact", "*"), ("Expires", "0"))


def lab_register(world, server, aor, *headers):
    peer = world.peer("lab", server)
    request = peer.request("REGISTER", "sip:example.com", to=f"<{aor}>", headers=headers)
    request.set("From", f"<{aor}>;tag=lab")
    return peer.transact(request)


def run_all(world, name, lab, **settings):
    """{(id, transport): (outcome, grade, faults, wanted)}. Each message gets a new server: several carry the same branch
    and would be taken for retransmissions of each other."""
    results = {}
    for number, entry in enumerate(load(), start=1):
        message = octets(entry)
        for transport, carry, wanted in (
            ("udp", over_udp, entry["expect"]["proxy"]),
            ("tcp", over_tcp, entry["expect"].get("tcp", entry["expect"]["proxy"])),
        ):
            server = world.server(name=f"{name}-{entry['id']}-{transport}", data="memory", **settings)
            server.domain = "example.com"
            outcome, answer = carry(server, entry, f"127.0.{2 if lab else 3}.{number}", message)
            faults = further_checks(world, server, entry, outcome, answer, lab)
            grade = "FAIL" if faults else verdict(wanted, outcome)
            results[entry["id"], transport] = (outcome, grade, "; ".join(faults), wanted)
            if not server.process.running or "panicked" in server.process.log():
                raise Failure(f"the server ended or panicked at {entry['id']} over {transport}\n{server.process.log()}")
            server.stop()
    return results


def table(lab, closed):
    lines = [
        "# What we do with the torture messages", "",
        "The messages of RFC 4475 and RFC 5118 (`fixtures/`), sent octet for octet over UDP and TCP. Written by",
        "`interop/run.py --only torture --write`; the interop run fails when it no longer holds.", "",
        "*Open*: their domains are ours and `[auth] required = false`. *Closed*: a default server that has never heard of",
        "their domains or users. `silent`: no answer; `close`: the connection is closed. *tolerated*: allowed, not the best answer.", "",
        "| message | section | title | open UDP | open TCP | closed UDP | closed TCP | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for entry in load():
        cells = [results[entry["id"], t] for results in (lab, closed) for t in ("udp", "tcp")]
        grades = {c[1] for c in cells}
        grade = "FAIL" if "FAIL" in grades else "ok" if grades == {"ok"} else "ok, some tolerated" if "ok" in grades else "tolerated"
        book = entry["set"][:3].upper() + " " + entry["set"][3:]
        section = "not in the text" if entry["section"] == "-" else f"{book} §{entry['section']}"
        lines.append(f"| {entry['id']} | {section} | {entry['title'].replace('|', '/')} | "
                     + " | ".join(str(c[0]) for c in cells) + f" | {grade} |")
    return "\n".join(lines) + "\n"


@scenario("torture", seconds=240, stand_in=False)
def torture(world):
    limits = {"trusted_sources": ["127.0.0.0/8"]}
    lab_results = run_all(world, "open", True, domains=DOMAINS, auth={"required": False}, limits=limits)
    closed_results = run_all(world, "closed", False, limits=limits)
    text = table(lab_results, closed_results)
    if world.write:
        os.makedirs(os.path.dirname(TABLE), exist_ok=True)
        with open(TABLE, "w", encoding="utf-8") as out:
            out.write(text)
    faults = [
        f"{name} over {transport} ({kind}): {outcome}, wanted {' '.join(wanted)} {extra}"
        for kind, results in (("open", lab_results), ("closed", closed_results))
        for (name, transport), (outcome, grade, extra, wanted) in results.items() if grade == "FAIL"
    ]
    if faults:
        raise Failure(f"{len(faults)} outcomes are not within expect:\n  " + "\n  ".join(faults))
    with open(TABLE, encoding="utf-8") as f:
        written = f.read().splitlines()
    changes = list(difflib.unified_diff(written, text.splitlines(), "docs/rfc/torture.md", "what happens", "", "", 0))
    if changes:
        raise Failure("the table is not true any more; write it with --write and review the change:\n" + "\n".join(changes))
    grades = [g for results in (lab_results, closed_results) for _, g, _, _ in results.values()]
    world.note(f"{grades.count('ok')} ok, {grades.count('tolerated')} tolerated")
