"""boto3 clients at this process's own emulator."""

from feee_cancel_client import aws
from local.identity import CREDENTIALS, REGION


def at_emulator(endpoint: str) -> aws.Clients:
    """One for each service, closed together."""
    return aws.at_emulator(endpoint, CREDENTIALS, REGION)
