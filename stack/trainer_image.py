"""The image that trials run: built from a folder, or a ready-made one."""

from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stepsweep.stack.packages import TRAINER_FILES, staged, staged_trainer
from stepsweep.stack_config import ECR_IMAGE, StackConfig
from stepsweep.trainer_script import title


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerImage:
    """The image that trials run.

    Attributes:
        repository: where machines pull it from; None if that takes no permission.
        version: names its code in every trial id.
        name: what a person calls it.
    """

    image: ecs.ContainerImage
    repository: ecr.IRepository | None
    version: str
    name: str


def trainer_image(scope: Construct, config: StackConfig) -> TrainerImage:
    """Adds the image, or the name of a ready-made one, to the scope."""
    if config.image:
        image = ecs.ContainerImage.from_registry(config.image)
        repository = _repository(scope, config.image)
        return TrainerImage(image=image, repository=repository, version=config.image, name=config.image)
    asset = ecr_assets.DockerImageAsset(
        scope,
        "Trainer",
        directory=staged_trainer(Path(config.trainer)) if config.trainer else staged(TRAINER_FILES),
        file=None if config.trainer else "stepsweep/trainer/Dockerfile",
        platform=ecr_assets.Platform.LINUX_AMD64,  # of g4dn; an image for an Arm laptop would not start there
    )
    return TrainerImage(
        image=ecs.ContainerImage.from_docker_image_asset(asset),
        repository=asset.repository,
        version=asset.asset_hash,
        # Only the folder's name: its path would reveal details of the deploying machine.
        name=title(Path(config.trainer)) if config.trainer else "stepsweep.trainer",
    )


def _repository(scope: Construct, image: str) -> ecr.IRepository | None:
    """Returns the private repository of ECR that an image is in; None if it is in another registry."""
    found = ECR_IMAGE.fullmatch(image)
    if found is None:
        return None
    name = found["repository"]
    arn = f"arn:{cdk.Aws.PARTITION}:ecr:{found['region']}:{found['account']}:repository/{name}"
    return ecr.Repository.from_repository_attributes(scope, "Repository", repository_arn=arn, repository_name=name)
