"""The reference model: a small vision-language model made by the product itself, its items, its training and its card."""
