"""What a study measures beside its training: gradients against truth, [compare], [spacing], sign-off, unseen data."""
