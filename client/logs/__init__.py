"""What a trial printed, while it runs and after it."""
