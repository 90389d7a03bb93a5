"""From a study to its trials: the axes of its [sweep], the settings drawn from them, refinement and subsets."""
