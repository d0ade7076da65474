"""Reads and writes the objects of a bucket, in S3 or in a folder: documents, outcomes, the logs of jobs."""
