"""`python -m socle`."""

from socle.cli import main

main()
