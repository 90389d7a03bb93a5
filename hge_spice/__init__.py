"""Train networks in their own material: homodyne gradient extraction on circuits, simulated by ngspice."""
