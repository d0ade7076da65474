"""The trial kit: makes any command a trial of a sweep, without a line in its script (`stepsweep-trial`)."""
