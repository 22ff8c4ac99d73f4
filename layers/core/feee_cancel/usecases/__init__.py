"""What the service does for people: request a cancellation, make an attempt. Collaborators are parameters."""
