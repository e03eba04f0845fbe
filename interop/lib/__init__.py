"""What the interop scenarios are written with: processes, servers, SIP peers, audio, clients."""
