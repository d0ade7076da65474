"""A bucket or the folder of one: its objects, how trials ended, and the logs of jobs."""
