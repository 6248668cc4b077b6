"""What is kept of market and trading for other programs: the rows, and the folds that make them."""
