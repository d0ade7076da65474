"""The records of sweeps: plans, outcomes, leaderboards, comparisons."""
