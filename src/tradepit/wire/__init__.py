"""What the world sees of the house: one module per contract."""
