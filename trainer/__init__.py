"""The tutorial's trainer, which a Batch job runs. It trains one trial and writes one metrics file.

`python -m stepsweep.trainer` trains; `python -m stepsweep.trainer.fetch` installs the data sets. Both run with or
without AWS.
"""
