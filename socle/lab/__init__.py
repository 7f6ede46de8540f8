"""The embedded cloud: a real OpenStack on one machine, in a root and namespaces of its own."""
