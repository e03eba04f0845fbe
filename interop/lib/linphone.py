"""Drive linphonec, with its own HOME and files as its sound card."""

import os
import re
import shutil

from . import audio
from .processes import wait_until
from .scenario import Skip
from .server import free_port


class Linphonec:
    def __init__(self, world, server, user, tone, transport="udp", seconds=8, answer=True):
        if shutil.which("linphonec") is None:
            raise Skip("linphonec is not installed")
        self.user = user
        self.server_uri = server.host_port
        self.directory = world.directory(f"linphonec-{user}")
        os.makedirs(os.path.join(self.directory, ".local", "share", "linphone"), exist_ok=True)
        os.makedirs(os.path.join(self.directory, ".config", "linphone"), exist_ok=True)
        self.port = free_port()
        self.play = os.path.join(self.directory, "in.wav")
        self.record = os.path.join(self.directory, "heard.wav")
        audio.write_tone(self.play, tone, seconds)
        rc = os.path.join(self.directory, "linphonerc")
        with open(rc, "w", encoding="utf-8") as out:
            out.write(
                f"[sip]\nsip_port={self.port}\nsip_tcp_port={self.port if transport == 'tcp' else 0}\nsip_tls_port=0\n"
                "default_proxy=0\nuse_ipv6=0\n"
                f"[rtp]\naudio_rtp_port={30000 + self.port}\n"
                "[video]\nenabled=0\ncapture=0\ndisplay=0\n"
                f"[proxy_0]\nreg_proxy=<sip:{server.host_port};transport={transport}>\n"
                f"reg_identity=sip:{user}@{server.host_port}\nreg_expires=300\nreg_sendregister=1\n"
                f"[auth_info_0]\nusername={user}\npasswd={server.passwords[user]}\n"
            )
        argv = ["linphonec", "-c", rc, "-d", "6", "-l", os.path.join(self.directory, "debug.log")] + (["-a"] if answer else [])
        self.process = world.start(f"linphonec-{user}", argv, self.directory, {"HOME": self.directory}, stdin=True)
        self.say("soundcard use files")

    def say(self, line):
        self.process.say(line)

    def debug(self):
        try:
            with open(os.path.join(self.directory, "debug.log"), "rb") as f:
                return f.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def registered(self, seconds=8):
        self._until("Register refresher [200]", seconds, "to register")

    def connected(self, seconds=8):
        self._until("to LinphoneCallStreamsRunning", seconds, "to be connected")
        self.say(f"play {self.play}")
        self.say(f"record {self.record}")

    def _until(self, text, seconds, what):
        wait_until(lambda: text in self.debug(), seconds, f"linphonec {self.user} {what}",
                   give_up=lambda: not self.process.running)

    def call(self, user):
        self.say(f"call sip:{user}@{self.server_uri}")

    def algorithms_answered(self):
        """The algorithm of every Authorization and Proxy-Authorization it sent (MD5 where none is named)."""
        found = []
        for line in self.debug().splitlines():
            if line.startswith(("Authorization:", "Proxy-Authorization:")):
                named = re.search(r'algorithm="?([\w-]+)', line)
                found.append(named.group(1) if named else "MD5")
        return found

    def quit(self):
        if self.process.running:
            self.say("quit")
            self.process.wait(5)

    def heard(self, hertz):
        return audio.tone_seconds(self.record, hertz)
