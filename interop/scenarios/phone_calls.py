"""Real phones register and call each other; each must record the other's tone."""

import time

from lib.baresip import Baresip
from lib.linphone import Linphonec
from lib.processes import Failure
from lib.scenario import scenario

CALLER_TONE, CALLEE_TONE = 440, 880
HEARD_SECONDS = 1.5


def must_hear(world, phone, hertz, seconds=HEARD_SECONDS):
    heard = phone.heard(hertz)
    if heard < seconds:
        raise Failure(f"{phone.user} heard {hertz} Hz for only {heard:.1f} s")
    world.note(f"{phone.user} heard {hertz} Hz for {heard:.1f} s")


def baresip_pair(world, transport, ipv6=False):
    server = world.server(ipv6=ipv6)
    bob = Baresip(world, server, "bob", CALLEE_TONE, transport, ipv6, seconds=4)
    bob.registered()
    alice = Baresip(world, server, "alice", CALLER_TONE, transport, ipv6, seconds=4, dial="bob")
    alice.established()
    bob.established()
    alice.ended()
    bob.ended()
    must_hear(world, alice, CALLEE_TONE)
    must_hear(world, bob, CALLER_TONE)


@scenario("phones-baresip-udp", seconds=40)
def udp(world):
    baresip_pair(world, "udp")


@scenario("phones-baresip-tcp", seconds=40)
def tcp(world):
    baresip_pair(world, "tcp")


@scenario("phones-baresip-udp-ipv6", seconds=40)
def udp_ipv6(world):
    baresip_pair(world, "udp", ipv6=True)


@scenario("phones-baresip-tcp-ipv6", seconds=40)
def tcp_ipv6(world):
    baresip_pair(world, "tcp", ipv6=True)


@scenario("phones-baresip-linphonec", seconds=45)
def linphone(world):
    server = world.server()
    bob = Linphonec(world, server, "bob", CALLEE_TONE)
    bob.registered()
    alice = Baresip(world, server, "alice", CALLER_TONE, seconds=6, dial="bob")
    alice.established()
    bob.connected()
    alice.ended()
    bob.quit()
    must_hear(world, alice, CALLEE_TONE)
    must_hear(world, bob, CALLER_TONE, 0.8)


@scenario("phones-linphonec-baresip-tcp", seconds=45)
def linphone_calls_over_tcp(world):
    server = world.server()
    bob = Baresip(world, server, "bob", CALLEE_TONE, "tcp", seconds=5)
    bob.registered()
    alice = Linphonec(world, server, "alice", CALLER_TONE, transport="tcp", seconds=5, answer=False)
    alice.registered()
    alice.call("bob")
    alice.connected()
    bob.established()
    bob.ended()
    alice.quit()
    must_hear(world, alice, CALLEE_TONE, 0.8)
    must_hear(world, bob, CALLER_TONE)


def linphonec_answers(world, algorithms, wanted):
    """Both phones are linphonec; every answer to a challenge, of REGISTER and INVITE, must use `wanted`."""
    server = world.server(auth={"algorithms": algorithms})
    bob = Linphonec(world, server, "bob", CALLEE_TONE, seconds=4)
    bob.registered()
    alice = Linphonec(world, server, "alice", CALLER_TONE, seconds=4, answer=False)
    alice.registered()
    alice.call("bob")
    alice.connected()
    bob.connected()
    time.sleep(2.5)  # the sound itself: nothing tells how much of it was recorded before the files are closed
    alice.quit()
    bob.quit()
    for phone in (alice, bob):
        used = set(phone.algorithms_answered())
        if used != {wanted}:
            raise Failure(f"{phone.user} answered with {sorted(used)}, not {wanted}")
    must_hear(world, alice, CALLEE_TONE, 0.8)
    must_hear(world, bob, CALLER_TONE, 0.8)


@scenario("phones-linphonec-sha-256", seconds=45, stand_in=False)
def sha_256(world):
    linphonec_answers(world, ["SHA-256", "MD5"], "SHA-256")


@scenario("phones-linphonec-md5-first", seconds=45, stand_in=False)
def md5_first(world):
    """linphonec takes the first algorithm it knows."""
    linphonec_answers(world, ["MD5", "SHA-256"], "MD5")
