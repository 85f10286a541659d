"""Which function does which operation of EventBridge Scheduler: all twelve."""

from collections.abc import Awaitable, Callable

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.services.scheduler.engine import Scheduler
from lambent.services.scheduler.group_operations import (
    create_schedule_group,
    delete_schedule_group,
    get_schedule_group,
    list_schedule_groups,
    list_tags_for_resource,
    tag_resource,
    untag_resource,
)
from lambent.services.scheduler.operations import (
    create_schedule,
    delete_schedule,
    get_schedule,
    list_schedules,
    update_schedule,
)
from lambent.wire.parse import Call

Handler = Callable[[Scheduler, Call], Awaitable[Document]]

reading: dict[str, Handler] = {
    "GetSchedule": get_schedule,
    "GetScheduleGroup": get_schedule_group,
    "ListScheduleGroups": list_schedule_groups,
    "ListSchedules": list_schedules,
    "ListTagsForResource": list_tags_for_resource,
}
changing: dict[str, Handler] = {
    "CreateSchedule": create_schedule,
    "CreateScheduleGroup": create_schedule_group,
    "DeleteSchedule": delete_schedule,
    "DeleteScheduleGroup": delete_schedule_group,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateSchedule": update_schedule,
}
operations = reading | changing


async def handle(scheduler: Scheduler, call: Call) -> Document:
    """Do an operation. Raises NotImplementedYet, which names it, if AWS has added one that is not here."""
    if (reader := reading.get(call.operation)) is not None:
        return await reader(scheduler, call)
    if (changer := changing.get(call.operation)) is not None:
        async with scheduler.changing:
            scheduler.due.catch_up()
            return await changer(scheduler, call)
    raise NotImplementedYet(f"Lambent does not support the operation {call.service}:{call.operation} yet.")
