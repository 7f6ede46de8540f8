"""The cloud program: what a topology becomes in OpenStack."""
