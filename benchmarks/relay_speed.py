"""What hardening costs a relay: channels through coturn to an echo on a media node, whose LiveKit rests meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import sys

from benchmarks import throughput
from socle.probe import stun

CLIENT = "turnutils_uclient"
CLIENTS, EACH = 12, 5  # processes, and senders of one: a user may hold twelve allocations; a packet a millisecond each
LENGTH = 1000  # bytes: a packet of video
LAST = 90  # seconds: no load goes on for longer
BARE = ("bench", "bench")  # user and password
ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[1])))
while True:
    data, sender = s.recvfrom(2048)
    s.sendto(data, sender)
"""


def why_not() -> str:
    """The reason why it cannot be measured here, or nothing."""
    return "" if shutil.which(CLIENT) else f"{CLIENT} is not installed (Debian: coturn)"


def report(stack: str = "demo") -> str:
    if reason := why_not():
        return f"the relay's throughput is not measured: {reason}"
    standing = throughput.standing(stack)
    target, flows = standing.target, standing.target.topology.flows
    relay, media = target.of("turn")[0], target.of("media")[-1]
    port, peer = flows.get("turn-udp").port, flows.get("relayed-media").first
    address = str(relay.public)
    plain = [
        *("turnserver", "-n", "--lt-cred-mech", "--realm=bench", f"--user={':'.join(BARE)}", "--log-file=stdout"),
        *(f"--listening-ip={relay.fixed}", f"--relay-ip={relay.fixed}", f"--listening-port={port}"),
        f"--external-ip={address}/{relay.fixed}",
    ]

    def loaded(users: list[tuple[str, str]]) -> float:
        way = ["-p", str(port), "-e", str(media.public), "-r", str(peer), address]
        much = ["-m", str(EACH), "-n", str(1000 * LAST), "-z", "1", "-l", str(LENGTH)]
        loads = []
        try:
            for user, password in users:
                words = [CLIENT, "-c", "-u", user, "-w", password, *much, *way]
                loads.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            return standing.sent(relay.name)
        finally:
            for one in loads:
                one.kill()
                one.wait()

    def hardened() -> float:
        return loaded([stun.credentials(target.turn_secret) for _number in range(CLIENTS)])

    def bare() -> float:
        with standing.bare(relay.name, "coturn", plain):
            return loaded([BARE] * CLIENTS)

    with standing.bare(media.name, "livekit", ["python3", "-c", ECHO, str(peer)]):
        return throughput.report("the relay's packets", hardened, bare)


if __name__ == "__main__":
    print(report(*sys.argv[1:]))
