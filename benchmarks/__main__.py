"""`make bench`: every benchmark, one after the other."""

from __future__ import annotations

from benchmarks import check_speed

if __name__ == "__main__":
    check_speed.main()
