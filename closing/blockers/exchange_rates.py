"""The closing rates of a month from the group's rate table, and amounts converted by them, rounded half up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal

_CENT = Decimal("0.01")
_EXACT = Context(prec=50, rounding=ROUND_HALF_UP)  # of our own: the context of the process may differ
_ONE = Decimal(1)


def rounded(amount: Decimal) -> Decimal:
    """An amount to two decimals, half up."""
    return amount.quantize(_CENT, context=_EXACT)


@dataclass(frozen=True, slots=True)
class ClosingRates:
    """Rates by (base, quote): ("GBP", "USD"): 1.275 means that 1 GBP is 1.275 USD.

    A pair that the table does not have is found the other way round, or over a base that both have.
    Raises ValueError for a rate that is not above zero.
    """

    rates: Mapping[tuple[str, str], Decimal] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for (base, quote), rate in self.rates.items():
            if not rate.is_finite() or rate <= 0:
                raise ValueError(f"the rate {base}/{quote} must be above zero, not {rate}")

    def multiplied(self, amount: Decimal, source: str, target: str) -> Decimal | None:
        """An amount in another currency, not rounded; None without a rate."""
        fraction = self._fraction(source, target)
        if fraction is None:
            return None
        return _EXACT.divide(_EXACT.multiply(amount, fraction[0]), fraction[1])

    def convert(self, amount: Decimal, source: str, target: str) -> Decimal | None:
        """An amount in another currency to two decimals; None without a rate."""
        exact = self.multiplied(amount, source, target)
        return None if exact is None else rounded(exact)

    def _fraction(self, source: str, target: str) -> tuple[Decimal, Decimal] | None:
        if source == target:
            return _ONE, _ONE
        if (source, target) in self.rates:
            return self.rates[source, target], _ONE
        if (target, source) in self.rates:
            return _ONE, self.rates[target, source]
        for base, quote in sorted(self.rates):
            if quote == target and (base, source) in self.rates:
                return self.rates[base, target], self.rates[base, source]
        return None


NO_RATES = ClosingRates()
