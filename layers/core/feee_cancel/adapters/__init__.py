"""feee.io over urllib3, DynamoDB and secrets over boto3, metrics through Powertools: vendors' errors stop here."""
