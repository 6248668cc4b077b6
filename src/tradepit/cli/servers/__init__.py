"""Private servers on loopback, each a process of our own in a folder of its own: what benchmarks and tests run on."""
