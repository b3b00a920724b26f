"""Alert rules: conditions, levels, episodes, inhibition."""
