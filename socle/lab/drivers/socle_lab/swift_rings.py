"""Swift's rings: where each kind of store keeps what. Here always on one device, in one copy.

python -m socle_lab.swift_rings FOLDER KIND:PORT...        rings that are there stay as they are
"""

import os
import sys

from swift.common.ring import RingBuilder

DEVICE = "disk"
POWER, COPIES, HOURS = 4, 1, 1  # 2**POWER partitions; hours between two moves of a partition


def write(file, port):
    builder = RingBuilder(POWER, COPIES, HOURS)
    builder.add_dev(
        {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "port": port, "device": DEVICE, "meta": ""}
    )
    builder.rebalance()
    builder.get_ring().save(file)


if __name__ == "__main__":
    folder = sys.argv[1]
    for store in sys.argv[2:]:
        kind, port = store.split(":")
        ring = os.path.join(folder, f"{kind}.ring.gz")
        if not os.path.exists(ring):
            write(ring, int(port))
