"""The rules that Socle judges stacks with, and the catalogue of controls they transpose."""
