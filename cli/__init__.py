"""The operator's commands: `./feee-cancel`, against a deployed stack or the local one. No part of the Lambda."""
