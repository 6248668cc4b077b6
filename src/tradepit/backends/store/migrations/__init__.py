"""The steps by which the store's tables came to be what they are, carried out by Alembic; they lead forward only.

A new step is a file in ``versions`` with a ``revision``, a ``down_revision`` and ``upgrade``; with it goes the change in tables.py.
"""
