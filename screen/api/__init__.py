"""Public functions of screening, as `import kakehashi as kh` offers them."""
