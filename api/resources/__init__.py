"""What clients get and send: pydantic models, and how they are made of what the stores keep."""
