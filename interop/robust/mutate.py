"""Mutated messages over UDP and TCP."""

import json
import os
import time

from lib.processes import Failure
from robust.program import MIB, ROOT, TRUSTED, at_rest, descriptors, grown, metrics, program, pss, same_process, transactions

USERS = 20
RING_SECONDS = 10


@program("mutate", seconds=90, seconds_long=2400)
def mutate(run):
    """Mutated messages of phones and of the RFCs' torture tests: no panic, every ping answered, memory comes back."""
    # Contacts and Via that chance has changed may name any address: nothing but loopback may be there.
    run.must_be_enclosed()
    server = run.server(users=[f"m{n}" for n in range(USERS)], open_to_all=False, limits=TRUSTED, log={"level": "error"},
                        # A call to ten phones is ten INVITEs: what users ask for is no amplification, so few phones each.
                        registrar={"bindings_per_aor_max": 3},
                        # Half of the phones ring for ever: with timer C alone they would for three minutes.
                        proxy={"ring_seconds_max": RING_SECONDS},
                        domains=["example.test", "example.com", "atlanta.com", "biloxi.com"],
                        auth={"nonce_seconds": 86400}, dns={"servers": ["127.0.0.1:9"], "timeout_ms": 50})
    count = run.count(30_000, 3_000_000)
    last = os.path.join(ROOT, "target", "mutate-last-messages.txt")
    os.makedirs(os.path.dirname(last), exist_ok=True)
    before, memory, open_before = metrics(server), pss(server), descriptors(server)
    tool = run.world.start("mutate", [run.options.tool, "mutate", "--target", server.host_port, "--domain", server.domain,
                                      "--count", count, "--seed", run.seed, "--users", USERS, "--failure", last,
                                      "--fixtures", os.path.join(ROOT, "fixtures")])
    code = tool.wait(run.size(80, 2300))
    run.must(server.process.running, f"the server ended with {server.process.code}; {tool.log()[-500:]}")
    run.must(code == 0, f"the mutator ended with {code}: {tool.log()[-2000:]}")
    told = json.loads(tool.log().splitlines()[-1])
    after, peak = metrics(server), pss(server)
    same_process(run, server)

    received = grown(before, after, "net_messages_received") + grown(before, after, "net_messages_malformed")
    # Pings, registrations before, and what phones answered as it should be, all of which parse.
    parsed = grown(before, after, "requests") + grown(before, after, "responses") - told["unmutated"]
    begun = grown(before, after, "servers_started")
    reached = begun + grown(before, after, "requests_absorbed") + grown(before, after, "acks_absorbed")
    octets_in = grown(before, after, "net_datagram_octets_received") + grown(before, after, "net_stream_octets_received")
    octets_out = grown(before, after, "net_datagram_octets_sent") + grown(before, after, "net_stream_octets_sent")
    sent = told["messages"]
    run.figure(f"{sent} messages ({told['over_tcp']} over TCP, {told['connections']} connections, "
               f"{told['connections_refused']} refused, {told['unsent']} more not sent) in {told['seconds']:.0f} s, {told['rate']:.0f}/s")
    run.figure(f"{received} found by the server, {grown(before, after, 'kernel_datagrams_dropped')} lost in the kernel, "
               f"{100 * parsed / sent:.0f} % parsed, {100 * begun / sent:.0f} % began a transaction, "
               f"{grown(before, after, 'relayed')} relayed")
    run.figure(f"{told['pings']} pings answered, {told['pings_repeated']} repeated, slowest {told['slowest_ping_ms']:.0f} ms")
    run.figure(f"octets out to in {octets_out / octets_in:.2f} by the server's counters, "
               f"{told['octets_received'] / told['octets_sent']:.2f} at the tool's sockets")
    run.must(parsed >= 0.30 * sent, f"only {parsed} of {sent} parsed")
    run.must(begun >= 0.10 * sent, f"only {begun} of {sent} reached a transaction ({reached} with what was absorbed)")
    run.must(octets_out < octets_in, f"{octets_out} octets out for {octets_in} in")
    if not run.long:
        return
    rests = []
    for _ in range(6):
        time.sleep(10)
        rests.append(f"{pss(server) / MIB:.0f} ({transactions(server)})")
    grew = pss(server) - memory
    # A phone that rings for ever: so long, then 64*T1 for its CANCEL, then as much for a caller who sends no ACK.
    left = at_rest(server, 60)
    time.sleep(2)
    ended = pss(server) - memory
    run.figure(f"PSS {memory / MIB:.0f} MiB before, {peak / MIB:.0f} at the end, then each 10 s (transactions) {' '.join(rests)}, {grew / MIB:+.1f} after 60 s of rest, "
               f"{ended / MIB:+.1f} once all have ended; "
               f"{left} transactions left, descriptors {open_before} before, {descriptors(server)} after")
    if grew >= 32 * MIB:
        raise Failure(f"PSS grew by {grew / MIB:.1f} MiB")
    run.must(left == 0, f"{left} transactions never ended")
    same_process(run, server)
