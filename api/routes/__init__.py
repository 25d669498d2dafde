"""The operations of the service, one module a kind of object."""
