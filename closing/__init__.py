"""The pure core: calendars, deadlines, states, lateness and roll-up; standard library, no clock, no I/O."""
