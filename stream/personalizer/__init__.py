"""Rank and reward over HTTP, as Azure Personalizer has them."""
