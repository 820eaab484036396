"""The pure core: calendars, deadlines, states, lateness and roll-up; standard library only, no clock, no I/O."""
