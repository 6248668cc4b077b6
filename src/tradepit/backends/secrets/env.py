"""Secrets in environment variables, each a JSON object of texts."""

from collections.abc import Mapping

from tradepit.runtime.secret_source import read_pairs
from tradepit.trading.model.ids import check_id


class EnvSecrets:
    """``variables`` says which variable holds which secrets: ``{"broker": "BOT_SECRETS"}``."""

    def __init__(self, environment: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self._environment, self._variables = environment, variables

    def read(self, name: str) -> Mapping[str, str]:
        variable = self._variables.get(check_id(name, "secret"), "")
        text = self._environment.get(variable, "") if variable else ""
        return read_pairs(text, variable) if text.strip() else {}
