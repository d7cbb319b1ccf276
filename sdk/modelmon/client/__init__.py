"""A project on another machine, read over its REST API: `RemoteProject`, with the extra `client`."""

from modelmon.client.remote_project import RemoteProject

__all__ = ["RemoteProject"]
