"""ngspice behind a worker process, as a device under test: `hge_spice.ngspice.device.NgspiceDevice`."""
