"""Would a sweep run, why do its jobs wait, and what is left that costs money."""
