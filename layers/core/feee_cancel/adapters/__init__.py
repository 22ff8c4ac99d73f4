"""feee.io over urllib3, DynamoDB over boto3, the key through Powertools: vendors' errors stop here."""
