"""SIP messages as the test peers see them: parse, build, digest answers (RFC 3261 §7, §22; RFC 8760)."""

import hashlib
import itertools
import os
import re

COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
    "c": "content-type", "e": "content-encoding", "k": "supported", "s": "subject", "o": "event",
    "u": "allow-events", "r": "refer-to", "b": "referred-by", "x": "session-expires",
}
_counter = itertools.count(1)


def token(prefix=""):
    """A text that no earlier call returned."""
    return f"{prefix}{os.urandom(6).hex()}{next(_counter)}"


def new_branch():
    return token("z9hG4bK")


def canonical(name):
    name = name.strip().lower()
    return COMPACT.get(name, name)


class Message:
    """One request or response: a start line, ordered header fields, a body."""

    def __init__(self, start, headers=(), body=b""):
        self.start = start
        self.headers = list(headers)
        self.body = body
        self.source = None

    @classmethod
    def parse(cls, octets):
        head, _, body = octets.partition(b"\r\n\r\n")
        lines = re.sub(rb"\r\n[ \t]+", b" ", head).decode("utf-8", "surrogateescape").split("\r\n")
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        message = cls(lines[0], headers, body)
        length = message.get("content-length")
        if length is not None and length.isdigit():
            message.body = body[: int(length)]
        return message

    def encode(self):
        lines = [self.start]
        lines += [f"{n}: {v}" for n, v in self.headers if canonical(n) != "content-length"]
        lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + self.body

    @property
    def is_response(self):
        return self.start.startswith("SIP/2.0 ")

    @property
    def status(self):
        return int(self.start.split()[1]) if self.is_response else None

    @property
    def method(self):
        """The method of a request; of a response, the method it answers."""
        return self.cseq[1] if self.is_response else self.start.split()[0]

    @property
    def request_uri(self):
        return self.start.split()[1]

    @property
    def cseq(self):
        number, _, method = (self.get("cseq") or "0 ?").partition(" ")
        return int(number), method.strip()

    @property
    def call_id(self):
        return self.get("call-id")

    @property
    def branch(self):
        return parameter(self.all("via")[0], "branch")

    def get(self, name):
        name = canonical(name)
        return next((v for n, v in self.headers if canonical(n) == name), None)

    def all(self, name):
        """Every value of a field that may be a comma list, in order."""
        name = canonical(name)
        return [item for n, v in self.headers if canonical(n) == name for item in split_list(v)]

    def add(self, name, value):
        self.headers.append((name, value))
        return self

    def set(self, name, value):
        key = canonical(name)
        for index, (n, _) in enumerate(self.headers):
            if canonical(n) == key:
                self.headers[index] = (n, value)
                return self
        return self.add(name, value)

    def remove(self, name):
        key = canonical(name)
        self.headers = [(n, v) for n, v in self.headers if canonical(n) != key]
        return self

    def tag(self, field):
        return parameter(self.get(field) or "", "tag")

    def __str__(self):
        return self.encode().decode("utf-8", "replace").replace("\r\n", "\n").rstrip()

    def summary(self):
        return f"{self.start} [{self.get('cseq')}]"


def split_list(value):
    """Split a comma list, leaving quoted strings and <...> whole."""
    parts, start, quoted, angle, index = [], 0, False, 0, 0
    while index < len(value):
        c = value[index]
        if quoted and c == "\\":
            index += 1
        elif c == '"':
            quoted = not quoted
        elif not quoted and c == "<":
            angle += 1
        elif not quoted and c == ">":
            angle -= 1
        elif not quoted and angle <= 0 and c == ",":
            parts.append(value[start:index].strip())
            start = index + 1
        index += 1
    parts.append(value[start:].strip())
    return [p for p in parts if p]


def parameter(value, name):
    """A header parameter (outside <...>) of one list element."""
    tail = value.rsplit(">", 1)[-1] if ">" in value else value
    for part in tail.split(";")[1:]:
        key, _, val = part.partition("=")
        if key.strip().lower() == name:
            return val.strip().strip('"')
    return None


def has_parameter(value, name):
    tail = value.rsplit(">", 1)[-1] if ">" in value else value
    return any(p.partition("=")[0].strip().lower() == name for p in tail.split(";")[1:])


def uri_of(value):
    """The URI of a name-addr or addr-spec header value."""
    match = re.search(r"<([^>]*)>", value)
    return match.group(1) if match else value.split(";")[0].strip()


def frames(buffer):
    """Take whole messages off a stream buffer: ([message octets], rest). CRLF keep-alives are dropped."""
    found = []
    while True:
        buffer = buffer.lstrip(b"\r\n") if buffer[:2] == b"\r\n" else buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return found, buffer
        match = re.search(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", buffer[:end])
        size = end + 4 + (int(match.group(1)) if match else 0)
        if len(buffer) < size:
            return found, buffer
        found.append(buffer[:size])
        buffer = buffer[size:]


# --- digest ------------------------------------------------------------------------------------

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def parse_challenge(value):
    """The parameters of a Digest challenge or of credentials, keys in lower case; {} for other schemes."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    found = {}
    for key, quoted, plain in re.findall(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))', rest):
        found[key.lower()] = quoted or plain
    return found


class Credentials:
    """A digest client for one account: answers the challenges it is shown and counts nc per nonce."""

    def __init__(self, user, password, algorithms=("MD5", "SHA-256")):
        self.user = user
        self.password = password
        self.algorithms = algorithms
        self.counts = {}

    def pick(self, response):
        """The first challenge of a 401 or 407 whose algorithm this client knows."""
        name = "www-authenticate" if response.status == 401 else "proxy-authenticate"
        for field, value in response.headers:
            if canonical(field) == name:
                challenge = parse_challenge(value)
                if challenge and challenge.get("algorithm", "MD5") in self.algorithms:
                    return challenge
        return None

    def answer(self, response, method, uri):
        """(header name, value) that answers a 401 or 407, or None."""
        challenge = self.pick(response)
        if challenge is None:
            return None
        name = "Authorization" if response.status == 401 else "Proxy-Authorization"
        return name, self.value(challenge, method, uri)

    def value(self, challenge, method, uri, nc=None):
        algorithm = challenge.get("algorithm", "MD5")
        hashed = lambda text: HASHES[algorithm](text.encode()).hexdigest()
        nonce, realm = challenge["nonce"], challenge["realm"]
        ha1 = hashed(f"{self.user}:{realm}:{self.password}")
        ha2 = hashed(f"{method}:{uri}")
        fields = [f'username="{self.user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
        if "auth" in challenge.get("qop", "").replace(" ", "").split(","):
            if nc is None:
                nc = self.counts[nonce] = self.counts.get(nonce, 0) + 1
            cnonce = token()
            answer = hashed(f"{ha1}:{nonce}:{nc:08x}:{cnonce}:auth:{ha2}")
            fields += [f"qop=auth", f"nc={nc:08x}", f'cnonce="{cnonce}"']
        else:
            answer = hashed(f"{ha1}:{nonce}:{ha2}")
        fields.append(f'response="{answer}"')
        if "algorithm" in challenge:
            fields.append(f"algorithm={algorithm}")
        if "opaque" in challenge:
            fields.append(f'opaque="{challenge["opaque"]}"')
        return "Digest " + ", ".join(fields)


def sdp(address="127.0.0.1", port=20000, extra=""):
    """A small audio offer or answer. The port is below those that the system gives out: no peer has the same."""
    kind = "IP6" if ":" in address else "IP4"
    return (
        f"v=0\r\no=- 1 1 IN {kind} {address}\r\ns=-\r\nc=IN {kind} {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n{extra}"
    ).encode()
