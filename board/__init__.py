"""The screens: each shows one scoreboard and writes nothing."""
