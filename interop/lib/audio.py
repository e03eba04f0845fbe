"""Tones in WAV files: written for the phones to play, and looked for in what they recorded."""

import array
import math
import wave


def write_tone(path, hertz, seconds, rate=8000, level=0.5):
    samples = array.array("h", (
        int(level * 32767 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(seconds * rate))))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())


def read(path):
    """(samples of the first channel, rate). A header left open by a program that was ended is forgiven."""
    with open(path, "rb") as f:
        octets = f.read()
    if len(octets) < 44 or octets[:4] != b"RIFF":
        return array.array("h"), 8000
    channels = int.from_bytes(octets[22:24], "little") or 1
    rate = int.from_bytes(octets[24:28], "little") or 8000
    start = octets.find(b"data") + 8
    data = octets[start: len(octets) - (len(octets) - start) % (2 * channels)]
    samples = array.array("h", data)
    return samples[::channels], rate


def goertzel(samples, rate, hertz):
    """Share of the energy of `samples` that lies at `hertz` (0 to 1)."""
    if not samples:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * hertz / rate)
    s1 = s2 = energy = 0.0
    for x in samples:
        s0 = x + coefficient * s1 - s2
        s2, s1 = s1, s0
        energy += x * x
    if energy == 0:
        return 0.0
    power = s1 * s1 + s2 * s2 - coefficient * s1 * s2
    return 2 * power / (energy * len(samples))


def tone_seconds(path, hertz, others=(440, 880)):
    """How many seconds of the recording are this tone and not one of the others."""
    samples, rate = read(path)
    window = rate // 10
    heard = 0
    for start in range(0, len(samples) - window + 1, window):
        part = samples[start: start + window]
        if max(map(abs, part)) < 300:
            continue
        own = goertzel(part, rate, hertz)
        if own > 0.5 and all(own > 4 * goertzel(part, rate, o) for o in others if o != hertz):
            heard += 1
    return heard / 10
