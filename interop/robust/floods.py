"""One source, or many strangers, send as fast as they can."""

import json

from robust.program import (MIB, Load, all_went, at_rest, descriptors, grown, metrics, ms, program, pss, registered,
                            same_process)

# The load tool's address alone is trusted: the flood's has the limits of everybody.
OTHERS_TRUSTED = {"trusted_sources": ["127.0.0.1"]}


def flood(run, server, *words, seconds=240):
    process = run.world.start("flood", [run.options.tool, "flood", "--target", server.host_port, "--domain", server.domain,
                                        *map(str, words)])
    code = process.wait(seconds)
    run.must(code == 0, f"the flood ended with {code}: {process.log()[-1000:]}")
    return json.loads(process.log().splitlines()[-1])


@program("flood", seconds=90, seconds_long=600)
def one_source(run):
    """Messages at full rate from 127.0.0.2 while others call: every call succeeds, and memory does not grow."""
    server = run.server(limits=OTHERS_TRUSTED, log={"level": "error"})
    for kind in ("mixed",) if not run.long else ("register", "mixed"):
        load = Load(run, server, "call", "--rate", run.size(50, 100), "--duration", f"{run.size(6, 20)}s", "--users", 50,
                    "--prefix", f"{kind}", "--hold", "500ms")
        registered(server, kind)
        before, memory = metrics(server), pss(server)
        told = flood(run, server, "--from", "127.0.0.2", "--kind", kind, "--count", run.count(100_000, 1_000_000), "--linger", 1)
        after, peak = metrics(server), pss(server)
        report = load.report(120)
        run.figure(f"{kind}: {told['sent']} messages at {told['rate']:.0f}/s, {told['answers']} answers, "
                   f"{grown(before, after, 'net_messages_not_admitted')} not admitted, "
                   f"{grown(before, after, 'kernel_datagrams_dropped')} lost in the kernel")
        run.figure(f"calls of others {report['operations']} of {report['operations'] + report['failed']}, "
                   f"p50 {ms(report, 'p50'):.1f} p99 {ms(report, 'p99'):.1f} max {ms(report, 'max'):.0f} ms, "
                   f"{report['retransmissions']} requests repeated")
        run.figure(f"PSS {memory / MIB:.0f} MiB before, {peak / MIB:.0f} at the end")
        all_went(run, report, "calls of others", refused=0.01)
        run.must_in_time(ms(report, "max") < 2000, f"the slowest call took {ms(report, 'max'):.0f} ms")
        run.must(peak - memory < 64 * MIB, f"PSS grew from {memory} to {peak}")
    same_process(run, server)


@program("strangers", seconds=90, seconds_long=600)
def strangers(run):
    """REGISTER without credentials, from many sources: one answer each, never sent again, and no memory kept."""
    server = run.server(users=[f"u{n:010}" for n in range(100)], open_to_all=False, log={"level": "error"}, limits={})
    seconds, rate = run.size(3, 30), run.size(20_000, 100_000)
    # Warm: whatever is allocated once, is.
    flood(run, server, "--from", "127.7.0.1", "--sources", 100, "--kind", "register", "--count", 20_000, "--linger", 1)
    for sources in (1, run.size(2_000, 60_000)):
        before, memory, open_before = metrics(server), pss(server), descriptors(server)
        first = "127.0.0.3" if sources == 1 else "127.8.0.1"
        told = flood(run, server, "--from", first, "--sources", sources, "--kind", "register", "--rate", rate,
                     "--count", rate * seconds, "--linger", run.size(3, 10))
        after = metrics(server)
        now = pss(server)
        ratio = told["octets_received"] / told["octets_sent"]
        run.figure(f"{sources} sources: {told['sent']} REGISTER at {told['rate']:.0f}/s (asked {rate}), {told['answers']} answers, "
                   f"{told['answered_more_than_once']} twice, last {told['last_answer_ms_after_end']} ms after the end, "
                   f"octets out to in {ratio:.2f}; "
                   f"{grown(before, after, 'net_messages_not_admitted')} not admitted, "
                   f"{grown(before, after, 'kernel_datagrams_dropped')} lost in the kernel")
        run.figure(f"PSS {memory / MIB:.1f} MiB before, {now / MIB:.1f} after, descriptors {open_before} and {descriptors(server)}")
        run.must(told["answered_more_than_once"] == 0 and told["foreign"] == 0, f"answers came twice: {told}")
        run.must(told["answers"] > 0, "no REGISTER was answered")
        for name in ("servers_started", "responses_repeated"):
            run.must(grown(before, after, name) == 0, f"strangers have {grown(before, after, name)} {name}")
        run.must(at_rest(server, 5) == 0, "strangers left transactions")
        run.must(ratio < 1.5, f"octets out to in {ratio:.2f}")
        run.must(now - memory < 16 * MIB, f"PSS grew from {memory} to {now}")
    same_process(run, server)
