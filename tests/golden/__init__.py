"""What other libraries answered, recorded once, and how it was."""
