"""The credentials of this process's own emulator: others, and pages in the browser, can't guess them."""

import secrets

from botocore.credentials import Credentials

REGION = "us-east-1"
STACK = "feee-cancel-local"
CREDENTIALS = Credentials(f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
