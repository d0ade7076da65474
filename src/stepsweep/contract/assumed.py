"""What a bill has that nobody knows in advance: ranges, each with its source. Every estimate takes them from here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """The lowest and the highest value of a quantity."""

    low: float
    high: float

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: "float | Span") -> "Span":
        low, high = (factor.low, factor.high) if isinstance(factor, Span) else (factor, factor)
        return Span(self.low * low, self.high * high)


BOOT_SECONDS = Span(120, 360)
"""From a job that needs a machine to the machine that can run it: Batch's decision, EC2's start, the system's boot, the
ECS agent's registration. Reckoned; nobody has measured it for this stack. AWS promises nothing, and says that jobs of a
few seconds wait longer than they run: https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html"""

PULL_SECONDS = Span(60, 240)
"""The first job of a machine pulls the image. Reckoned: 3 to 5 GB of PyTorch with CUDA, compressed, at 50 to 100 MB a
second with unpacking. An image of a few hundred MB takes seconds."""

IDLE_SECONDS = Span(60, 600)
"""From a machine's last job to its end. AWS names no time for a compute environment without `minScaleDownDelayMinutes`,
which the stack does not set (with it, 20 minutes are the least). Reckoned.
https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeScalingPolicy.html"""

START_SECONDS = Span(2, 60)
"""From a submitted job, or a job's end, to the start of the next container on a machine that is there. Batch looks for
work every few seconds, and does not promise that: https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html"""

ASK_SECONDS = Span(1, 15)
"""A worker of a free-running search asks for its next trial: a function that starts, with Optuna for a model, some
requests to S3, and Step Functions' notice of the job's end. Reckoned from the latencies of decision 019."""

BETWEEN_ROUNDS_SECONDS = Span(5, 90)
"""Reduce, ask, plan and the start of the next Map. Reckoned: three functions that start, and a request per trial in
threads; up to 10,000 trials."""

LOST_PER_HOUR = Span(0.0, 0.05)
"""Spot: machines that AWS takes back, per hour that one runs. The Spot Advisor's bands are of a month, from below 5% to
above 20%; five in a hundred an hour is far more than they say: https://aws.amazon.com/ec2/spot/instance-advisor/"""

DISK_USD_PER_HOUR = Span(100 * 0.08 / 730, 100 * 0.152 / 730)
"""100 GB of gp3, of the cheapest and of the dearest region (2026-11): https://aws.amazon.com/ebs/pricing/"""

ADDRESS_USD_PER_HOUR = Span(0.005, 0.005)
"""A public IPv4 address, in every region since 2024-02: https://aws.amazon.com/vpc/pricing/"""

REQUESTS_USD_PER_JOB = Span(0.0002, 0.002)
"""Eight transitions of Step Functions at 0.025 USD per thousand, functions of some seconds with 1,769 MiB, some or
200 writes to S3 (two an epoch), up to 1 MB of logs at 0.50 USD per GB: https://aws.amazon.com/step-functions/pricing/"""
