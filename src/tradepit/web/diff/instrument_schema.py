"""The schema of DIFF's instrument service, as its clients ask it."""

_BASIC = """
  instrument_name_wh: String  price_decs: Int  price_tick: Float  ins_id: String  instrument_id: String
  derivatives(class: [Class], exchange_id: [String], expired: Boolean, timestamp: Int64): derivativeConnection
  exchange_id: String  instrument_name: String  trading_time: tradingTime  class: String  py_wh: String  english_name: String
  derivative(class: Class, exchange_id: String, expired: Boolean): derivativeConnection
  trading_day: String
"""
_TRADEABLE = "upper_limit: Float  lower_limit: Float  volume_multiple: Float  quote_multiple: Float  pre_close: Float"
_SECURITIES = """
  first_trading_datetime: Int64  buy_volume_unit: Float  sell_volume_unit: Float  status: String
  public_float_share_quantity: Int64  currency: String  face_value: Float  first_trading_day: Int64
"""
_VOLUMES = "\n".join(
    f"{prefix}{most}_{kind}_order_volume: Int"
    for prefix in ("", "open_", "close_")
    for most in ("max", "min")
    for kind in ("limit", "market")
)
_EXPIRY = "expire_datetime: Int64  expired: Boolean  product_id: String"
_LAST_DAY = "settlement_price: Float  pre_open_interest: Int64  pre_open_interest2: Int64"

SCHEMA = f"""
scalar Int64
enum Class {{ BOND COMBINE CONT FUND FUTURE INDEX OPTION SPOT STOCK }}
enum Category {{
  AGRICULTURAL CHEMICAL COAL EQUITY_INDEX FERROUS GRAIN GREASE LIGHT_INDUSTRY NONFERROUS_METALS OIL PRECIOUS_METALS
  SOFT_COMMODITY TREASURY_BOND
}}
type categoryInfo {{ id: String  name: String }}
type tradingTime {{ day: [[String]]  night: [[String]] }}
type derivativeEdges {{ node: allClassUnion  underlying_multiple: Float }}
type derivativeConnection {{ count: Int  edges: [derivativeEdges] }}
interface basic {{ {_BASIC} }}
interface tradeable {{ {_TRADEABLE} }}
interface securities {{ {_SECURITIES} }}
interface derivative {{ underlying: derivativeConnection }}
type bond implements basic & tradeable & securities {{
  {_BASIC} {_TRADEABLE} {_SECURITIES} maturity_date: Int64  maturity_datetime: Int64
}}
type combine implements basic {{ {_BASIC} {_VOLUMES} {_EXPIRY} leg1: allClassUnion  leg2: allClassUnion }}
type cont implements basic & tradeable & derivative {{ {_BASIC} {_TRADEABLE} underlying: derivativeConnection }}
type fund implements basic & tradeable & securities {{ {_BASIC} {_TRADEABLE} {_SECURITIES} cash_dividend_ratio: [String] }}
type future implements basic & tradeable {{
  {_BASIC} {_TRADEABLE} {_VOLUMES} {_EXPIRY} {_LAST_DAY}
  categories: [categoryInfo]  commission: Float  delivery_month: Int  delivery_year: Int  margin: Float  mmsa: Boolean
  open_limit: Int  position_limit: Int  product_short_name: String  product_short_name_wh: String
}}
type index implements basic {{ {_BASIC} index_multiple: Float }}
type option implements basic & tradeable & derivative {{
  {_BASIC} {_TRADEABLE} {_VOLUMES} {_EXPIRY} {_LAST_DAY} underlying: derivativeConnection
  call_or_put: String  exercise_type: String  last_exercise_datetime: Int64  last_exercise_day: Int64  strike_price: Float
  open_limit: Int  position_limit: Int  product_short_name: String  product_short_name_wh: String
}}
type spot implements basic & tradeable {{ {_BASIC} {_TRADEABLE} }}
type stock implements basic & tradeable & securities {{
  {_BASIC} {_TRADEABLE} {_SECURITIES} cash_dividend_ratio: [String]  stock_dividend_ratio: [String]
}}
union allClassUnion = bond | combine | cont | fund | future | index | option | spot | stock
type rootQuery {{
  multi_symbol_info(
    instrument_id: [String]  class: [Class]  exchange_id: [String]  product_id: [String]  expired: Boolean
    has_night: Boolean  has_derivatives: Boolean  categories: [Category]  timestamp: Int64
  ): [allClassUnion]
  symbol_info(
    instrument_id: String  class: Class  exchange_id: String  product_id: String  expired: Boolean
    has_night: Boolean  has_derivatives: Boolean
  ): [allClassUnion]
}}
schema {{ query: rootQuery }}
"""
