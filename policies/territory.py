"""Where somebody may be established."""

# Members of the European Union, ISO 3166-1 alpha-2: the territory that SecNumCloud 3.2, 19.2.b and 19.6 speak of.
EU = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split()  # noqa: SIM905
)
