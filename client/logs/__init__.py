"""The output of trials, during and after their run."""
