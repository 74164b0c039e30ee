"""The HTTP API: one file a resource, serializers and views together. Doors only: `services` do the work."""
