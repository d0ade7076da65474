"""How a sweep's machinery is deployed."""
