"""The proof from outside: ports, TLS, SSH, STUN, TURN, real calls; beside it, what the nodes say of themselves."""
