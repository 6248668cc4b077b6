"""The exchange in DIFF, the wire protocol that TqSDK speaks."""
