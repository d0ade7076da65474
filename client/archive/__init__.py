"""What is recorded of sweeps: plans, outcomes, leaderboards, comparisons."""
