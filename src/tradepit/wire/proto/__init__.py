"""The schemas of the bot platform's protobuf messages, and their compiled form; see ``wire/proto_messages.py``."""
