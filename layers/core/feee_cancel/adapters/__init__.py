"""feee.io over urllib3, DynamoDB and secrets over botocore, metrics through Powertools: vendors' errors stop here."""
