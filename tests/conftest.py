"""The environment that the functions are imported in: the template's variables, and no AWS but the emulator's."""

import os

os.environ |= {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
    "TABLE_NAME": "cancellations",
    "FEEE_KEY_SECRET_ARN": "feee-key",
    "FEEE_BASE_URL": "https://feee.invalid/open",
    "FEEE_USER_AGENT": "Feee.io Client/1.0.0 (https://feee.io)",
    "MARGIN_SECONDS": "5",
    "GIVE_UP_AFTER_SECONDS": "86400",
    "RETENTION_DAYS": "400",
}
