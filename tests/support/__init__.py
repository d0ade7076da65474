"""What tests share. Tests and fixtures import from here, never from each other."""
