"""The trainer: what one Batch job runs. It trains one trial and writes one metrics.csv.

`python -m stepsweep.trainer` trains, `python -m stepsweep.trainer.fetch` puts the data sets in place. Both run
anywhere, with or without AWS.
"""
