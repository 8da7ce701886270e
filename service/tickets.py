"""The list in which tickets wait: workspaces have their turns, and within one its jobs.

A ticket is named `WORKSPACE_TICKET`, or `WORKSPACE_TICKET-NUMBER` for a piece of a job's work. All
that the order follows from stands in the names, so there is nothing beside the list to keep right.
"""

from typing import Any

import rq
from redis.client import Pipeline

# Whoever is new stands behind one ticket of each of the others, or two where it has one already,
# and so on: that is how workspaces share, and, within one, jobs. So the many pieces of a large job
# keep nobody waiting, and nobody keeps them waiting for ever.
# KEYS: the list. ARGV: the new ticket.
TAKE_PLACE = """
local function ahead(owners, own)
  local turn, last, seen = 1, 0, {}
  for place, owner in ipairs(owners) do
    if owner == own then turn, last = turn + 1, place end
  end
  for place, owner in ipairs(owners) do
    seen[owner] = (seen[owner] or 0) + 1
    if place > last and seen[owner] > turn then return place - 1 end
  end
  return #owners
end
local function workspace(name) return string.match(name, '^[^_]*') end
local function job(name) return string.match(name, '^[^_]*_[^-]*') end

local waiting = redis.call('LRANGE', KEYS[1], 0, -1)
local workspaces, jobs, slots = {}, {}, {}
for place, name in ipairs(waiting) do
  workspaces[place] = workspace(name)
  if workspaces[place] == workspace(ARGV[1]) then
    slots[#slots + 1] = place
    jobs[#jobs + 1] = job(name)
  end
end
local before = ahead(workspaces, workspace(ARGV[1]))
if before == #waiting then
  redis.call('RPUSH', KEYS[1], ARGV[1])
else
  redis.call('LINSERT', KEYS[1], 'BEFORE', waiting[before + 1], ARGV[1])
end
-- The workspace has its places; among them the new ticket goes to its own.
local mine = ahead(jobs, job(ARGV[1]))
slots[#slots + 1] = before + 1
for i = #slots - 1, mine + 1, -1 do
  redis.call('LSET', KEYS[1], slots[i + 1] - 1, waiting[slots[i]])
end
redis.call('LSET', KEYS[1], slots[mine + 1] - 1, ARGV[1])
return before
"""


class FairTickets(rq.Queue):
    """RQ's queue, with a fair order."""

    def push_job_id(
        self,
        job_id: str,
        pipeline: Pipeline | None = None,
        at_front: bool = False,  # noqa: FBT001, FBT002 - RQ's own signature
    ) -> None:
        """Put a ticket in its place."""
        if at_front:
            super().push_job_id(job_id, pipeline, at_front=True)
            return
        connection: Any = self.connection if pipeline is None else pipeline
        connection.eval(TAKE_PLACE, 1, self.key, job_id)
