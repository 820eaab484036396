"""The facts as ERPs and people state them, before any judgement."""
