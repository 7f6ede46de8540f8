"""`make bench`: the measured times, as tables with the machine's load.

`--bare`: `make demo` from empty caches too. `--whole`: checkov over all hundred stacks.
"""

from __future__ import annotations

import os
import sys
from datetime import date

from benchmarks import apply_speed, check_speed, configure_speed, demo_speed, media_speed, relay_speed, size_speed
from socle.table import table

if __name__ == "__main__":
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"load average before {load}; {os.cpu_count()} cores; {date.today()}\n")
    checked = check_speed.rows(whole="--whole" in sys.argv)
    print(
        f"One stack: median of {check_speed.RUNS} runs\n{table(('what', 'user+sys s', 'wall s', 'aim s'), checked)}\n"
    )
    print(f"Median of {size_speed.RUNS} runs, imported\n{table(('what', 'ms', 'aim ms'), size_speed.rows())}\n")
    applied: list[str] = []
    of_nodes = (configure_speed.report, relay_speed.report, media_speed.report)
    whole = demo_speed.rows(while_up=lambda: applied.extend(one() for one in (*of_nodes, apply_speed.report)))
    print("\n\n".join(applied or [apply_speed.report()]), end="\n\n")  # a lab that was up before is measured as it is
    whole += demo_speed.rows(bare=True) if "--bare" in sys.argv else []
    if whole:
        print(f"One run\n{table(('what', 'wall s', 'aim s'), whole)}")
