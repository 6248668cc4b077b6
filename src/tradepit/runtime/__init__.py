"""How a service lives: lifecycle, election, clock, ids, logs, links."""
