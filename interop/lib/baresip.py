"""Drive baresip: a folder of configuration, a WAV as microphone, recordings of both directions."""

import glob
import os
import shutil

from . import audio
from .processes import Failure, wait_until
from .scenario import Skip
from .server import free_port

MODULES = ["g711.so", "aufile.so", "aubridge.so", "sndfile.so", "account.so", "menu.so"]


def module_path():
    for path in ["/usr/lib/baresip/modules", *glob.glob("/usr/lib/*/baresip/modules")]:
        if os.path.isdir(path):
            return path
    raise Skip("baresip is not installed")


class Baresip:
    def __init__(self, world, server, user, tone, transport="udp", ipv6=False, seconds=8, dial=None,
                 password=None, answer="auto"):
        if shutil.which("baresip") is None:
            raise Skip("baresip is not installed")
        self.user = user
        self.directory = world.directory(f"baresip-{user}")
        self.port = free_port(ipv6)
        rtp = 20000 + (self.port - 5000) * 8 % 20000
        host = "::1" if ipv6 else "127.0.0.1"
        shown = "[::1]" if ipv6 else host
        self.server_uri = f"{shown}:{server.port}"
        password = password or server.passwords[user]
        audio.write_tone(self._path("in.wav"), tone, seconds)
        lines = [
            f"sip_listen {shown}:{self.port}", f"net_interface {host}",
            f"audio_source aufile,{self._path('in.wav')}", "audio_player aubridge,nil", "audio_alert aubridge,nil",
            "ausrc_srate 8000", "auplay_srate 8000", "ausrc_channels 1", "auplay_channels 1",
            f"rtp_ports {rtp}-{rtp + 20}", f"module_path {module_path()}",
            *(f"module {m}" for m in MODULES), f"snd_path {self.directory}",
        ]
        self._write("config", "\n".join(lines) + "\n")
        self._write("accounts",
                    f"<sip:{user}@{self.server_uri};transport={transport}>;auth_user={user};auth_pass={password}"
                    f";regint=300;answermode={answer};audio_codecs=PCMU/8000/1\n")
        self._write("contacts", "")
        argv = ["baresip", "-6" if ipv6 else "-4", "-f", self.directory, "-t", str(seconds + 12)]
        if dial:
            argv += ["-e", f"/dial sip:{dial}@{self.server_uri};transport={transport}"]
        self.process = world.start(f"baresip-{user}", argv, self.directory)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="utf-8") as out:
            out.write(text)

    def registered(self, seconds=5):
        wait_until(lambda: "200 OK" in self.process.log() or "registered successfully" in self.process.log(), seconds,
                   f"baresip {self.user} to register", give_up=lambda: not self.process.running)

    def established(self, seconds=8):
        self.process.expect_log("Call established", seconds)

    def ended(self, seconds=15):
        """The call is over (its WAV has been played, or the other side hung up)."""
        wait_until(lambda: "terminated" in self.process.log() or "Call ended" in self.process.log()
                   or "session closed" in self.process.log(), seconds, f"the call of baresip {self.user} to end",
                   give_up=lambda: not self.process.running)

    def heard(self, hertz):
        """Seconds of this tone in what it recorded from the other side."""
        files = sorted(glob.glob(self._path("dump-*-dec.wav")))
        if not files:
            raise Failure(f"baresip {self.user} recorded nothing")
        return max(audio.tone_seconds(f, hertz) for f in files)
