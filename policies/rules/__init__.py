"""One module per family of controls. Each rule is a pure function with the mutation that trips it."""
