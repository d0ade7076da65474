"""The same questions to plain moto and to the embedded cloud, one module for each service.

Each of the two runs in a process of its own, because moto's state belongs to the whole process:
`python -m tests.local.probes plain|embedded FOLDER`. A probe asks over HTTP, as every user does, and looks into its own
process only where HTTP cannot show the difference.
"""
