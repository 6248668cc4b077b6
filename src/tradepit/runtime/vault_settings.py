"""What is told of the secrets' server: where it is, how to log in there, where in it secrets are."""

from typing import Annotated, Literal

import msgspec

_NAME = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\Z"
Place = Annotated[str, msgspec.Meta(pattern=_NAME, max_length=200)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]


class VaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """HashiCorp Vault or OpenBao (extra ``vault``), its key-value engine of version 2 at ``mount``. Without a ``url`` there is none.

    ``auth``: ``token`` (in ``token_env`` or ``token_file``), ``approle`` (role id and secret id, each in a variable or a file) or
    ``kubernetes`` (``role``, and the service account's token in ``jwt_file``), at ``auth_mount`` where it is not mounted under its
    own name. No secret stands here. ``ca_file`` is whose certificates are believed, empty for the system's.

    A token is renewed in the background, in good time; where it cannot be, the login is made anew. What settings and the environment
    name as ``vault:path#field`` is read again every ``refresh_s``; a bot's secrets are read at each of its starts.
    """

    url: str = ""
    auth: Literal["token", "approle", "kubernetes"] = "token"
    token_env: str = "VAULT_TOKEN"  # noqa: S105 - the name of a variable
    token_file: str = ""
    role_id_env: str = ""
    role_id_file: str = ""
    secret_id_env: str = ""
    secret_id_file: str = ""
    role: str = ""
    jwt_file: str = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    auth_mount: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?\Z", max_length=200)] = ""
    mount: Place = "secret"
    namespace: str = ""
    ca_file: str = ""
    timeout_s: Seconds = 5.0
    refresh_s: Seconds = 60.0

    def __post_init__(self) -> None:
        local = self.url.startswith(("http://127.0.0.1:", "http://localhost:"))
        if self.url and not local and not self.url.startswith("https://"):
            raise ValueError("Vault is spoken to in the clear on this machine only: https://")
        if "@" in self.url:
            raise ValueError("no secret stands in Vault's url")
