"""The deployed system, end to end on one machine: the real stacks in ministack, the real functions on their schedules,
local venues on the other end of the line."""
