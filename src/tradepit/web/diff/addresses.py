"""Where TqSDK is told to go: the variables of its environment, for a front at an address."""


def addresses(host: str, port: int) -> dict[str, str]:
    """The environment that sends TqSDK to a front at this address."""
    name = f"[{host}]" if ":" in host else host
    web, socket = f"http://{name}:{port}", f"ws://{name}:{port}"
    return {
        "TQ_AUTH_URL": web,
        "TQ_MD_URL": f"{socket}/md",
        "TQ_TD_URL": f"{socket}/td",
        "TQ_INS_URL": f"{web}/symbols.json",
        "TQ_CHINESE_HOLIDAY_URL": f"{web}/holiday.json",
        "TQ_CONT_TABLE_URL": f"{web}/cont.json",
        "NO_PROXY": host,
        "no_proxy": host,
    }
