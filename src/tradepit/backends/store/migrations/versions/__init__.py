"""One file per step; a step is not changed once it is released."""
