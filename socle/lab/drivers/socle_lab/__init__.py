"""Drivers of the lab's OpenStack; copied into its virtual environment (Python 3.13), never imported by Socle itself."""
