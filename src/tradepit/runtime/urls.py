"""Addresses as they may be shown: without the secrets they carry."""

from urllib.parse import urlsplit


def without_secret(url: str) -> str:
    """Scheme, host, port and path of ``url``: user, password and parameters are left out; ``***`` for what is no URL.

    Several addresses, as of Kafka's brokers, are shown as they are.
    """
    try:
        parts = urlsplit(url)
        if "," in parts.netloc:
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return "***"
    if not parts.scheme or "://" not in url:
        return "***"
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    return f"{parts.scheme}://{host}{port}{parts.path}"
