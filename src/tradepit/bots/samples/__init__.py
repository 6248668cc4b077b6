"""Sample bots worth reading; each file stands alone and is loaded by its path."""
