"""Long trials of delivery: kills, stops, drains and takeovers, with counts and bounds (`make verify-delivery`)."""
