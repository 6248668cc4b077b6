"""DIFF's instrument service: GraphQL over the contracts the exchange lists, and the contract file for clients that do not ask."""

from collections.abc import Mapping
from typing import Any

import graphql

from tradepit.web.diff.contract_info import Info, file_entry, main_info, type_of
from tradepit.web.diff.instrument_schema import SCHEMA

_MAX_QUERY = 64 * 1024
_ALWAYS = "20000101"
_INDEX: Info = {
    "class": "INDEX",
    "instrument_id": "CSI.000300",
    "exchange_id": "CSI",
    "price_tick": 0.01,
    "price_decs": 2,
    "volume_multiple": 1,
    "expired": False,
}
_LISTED = ("instrument_id", "class", "exchange_id", "product_id")


class InstrumentService:
    """Answers from the infos it was last given; a main contract for each product follows from them."""

    def __init__(self) -> None:
        self._schema = graphql.build_schema(SCHEMA)
        union = self._schema.get_type("allClassUnion")
        if isinstance(union, graphql.GraphQLUnionType):
            union.resolve_type = lambda info, *_: type_of(info)
        query = self._schema.query_type
        if query is not None:
            for field in query.fields.values():
                field.resolve = lambda _root, _info, **wanted: self._choose(wanted)
        self._infos: dict[str, Info] = {}

    def set(self, futures: list[Info]) -> None:
        """The contracts listed now, all of them. A product's main contract is the one that expires first."""
        infos = {info["instrument_id"]: info for info in futures}
        first: dict[tuple[str, str], Info] = {}
        for info in sorted(futures, key=lambda each: each["expire_datetime"]):
            if not info["expired"]:
                first.setdefault((info["exchange_id"], info["product_id"]), info)
        mains = [main_info(info) for info in first.values()]
        self._infos = infos | {info["instrument_id"]: info for info in mains}

    def underlying_of(self, name: str) -> str:
        """The contract that ``name`` stands for: itself unless it is a main contract."""
        info = self._infos.get(name)
        if info is None or "underlying" not in info:
            return name
        return str(info["underlying"]["edges"][0]["node"]["instrument_id"])

    def answer(self, query: str, variables: Mapping[str, Any] | None) -> dict[str, Any]:
        """``{"result": …}``, or ``{"error": …}`` for what is no query. Unknown contracts are no error: they are left out."""
        if len(query) > _MAX_QUERY:
            return {"error": "the query is too long"}
        result = graphql.graphql_sync(self._schema, query, variable_values=dict(variables) if variables else None)
        if result.errors or result.data is None:
            return {"error": "; ".join(str(error.message) for error in result.errors or [])[:500] or "no answer"}
        return {"result": result.data}

    def file(self) -> dict[str, Info]:
        """All contracts by name, and an index that the file's readers take for granted."""
        return {name: file_entry(info) for name, info in self._infos.items()} | {_INDEX["instrument_id"]: dict(_INDEX)}

    def mains(self) -> dict[str, list[list[str]]]:
        """Each product's main contract, from the first day of its calendar on."""
        return {
            name.removeprefix("KQ.m@"): [[_ALWAYS, self.underlying_of(name)]]
            for name, info in self._infos.items()
            if "underlying" in info
        }

    def _choose(self, wanted: Mapping[str, Any]) -> list[Info]:
        chosen = list(self._infos.values())
        for key in _LISTED:
            value = wanted.get(key)
            if value is not None:
                allowed = set(value) if isinstance(value, list) else {value}
                chosen = [info for info in chosen if info.get(key) in allowed]
        if (expired := wanted.get("expired")) is not None:
            chosen = [info for info in chosen if info.get("expired", False) is expired]
        if (has_night := wanted.get("has_night")) is not None:
            chosen = [info for info in chosen if bool(info["trading_time"]["night"]) is has_night]
        if wanted.get("has_derivatives") or wanted.get("categories"):
            return []
        return chosen
