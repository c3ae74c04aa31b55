"""Everything between "please" and "here it is": the queue, who is next, the worker process, and who hears of progress.

The states in the database are the truth; what changes with every step lives in memory only. It refuses to import a
tensor library or ``engine``: a worker is told by name what to run. Names are loaded when first asked for, because the
worker process imports this package too and has no use for a database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studio.jobs.dispatcher import Dispatcher
    from studio.jobs.hub import Hub, JobUpdate, Subscription
    from studio.jobs.located import Located
    from studio.jobs.queue import Queue
    from studio.jobs.records import Job, Order, Picture
    from studio.jobs.supervisor import Supervisor
    from studio.jobs.views import JobView, PictureView

__all__ = [
    "Dispatcher",
    "Hub",
    "Job",
    "JobUpdate",
    "JobView",
    "Located",
    "Order",
    "Picture",
    "PictureView",
    "Queue",
    "Subscription",
    "Supervisor",
]

_MODULES = {
    "Dispatcher": "dispatcher",
    "Located": "located",
    "Hub": "hub",
    "Job": "records",
    "JobUpdate": "hub",
    "JobView": "views",
    "Order": "records",
    "Picture": "records",
    "PictureView": "views",
    "Queue": "queue",
    "Subscription": "hub",
    "Supervisor": "supervisor",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
