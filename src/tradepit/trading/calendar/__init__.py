"""When markets trade and what they list: trading days, session phases, products and contracts, from dated data files."""
