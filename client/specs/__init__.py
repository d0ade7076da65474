"""From options, JSON and YAML to a spec."""
