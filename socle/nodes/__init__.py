"""Nodes: secrets, certificates, names, inventory, and the Ansible runs that configure and question them.

`run.configure` brings every node to what the stack says; `run.gather_facts` asks what runs on them.
"""
