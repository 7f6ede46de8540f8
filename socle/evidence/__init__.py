"""What a run saw, kept so that somebody else can trust it later: sealed, signed, verified offline, compared."""
