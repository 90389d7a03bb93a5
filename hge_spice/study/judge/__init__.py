"""What results say, from their rows alone: solved or why not, yields, budgets, curves, the verdict of a sign-off."""
