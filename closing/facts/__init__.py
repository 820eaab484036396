"""The facts as ERPs and people state them, before any judgement; each kind of native facts registers itself."""

from closing.facts import finops_facts as finops_facts  # the order in which messages list the kinds

# isort: split
from closing.facts import business_central_facts as business_central_facts
