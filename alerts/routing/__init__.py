"""Who receives a notice, in which message, how soon, and what holds it back."""
