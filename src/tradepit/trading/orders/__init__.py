"""Order management as a pure machine: facts, register, desk."""
