"""migrate and check, against the database that is named; every other command says that it does nothing."""

import sys

from settings import RELEASE, Settings, require_configuration


def main(arguments: list[str]) -> int:
    import psycopg2

    settings = Settings()
    require_configuration(settings)
    command = arguments[0] if arguments else "help"
    if command not in ("migrate", "check"):
        print(f"a stand-in, not La Suite Meet: nothing done for {command}")
        return 0
    try:
        database = settings.database()
        if command == "migrate":
            with database, database.cursor() as cursor:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                cursor.execute("CREATE TABLE IF NOT EXISTS stand_in_migration (release text PRIMARY KEY)")
                cursor.execute("INSERT INTO stand_in_migration VALUES (%s) ON CONFLICT DO NOTHING", [RELEASE])
                made = cursor.rowcount
            print(f"  Applying stand_in.{RELEASE}... OK" if made else "  No migrations to apply.")
        database.close()
    except psycopg2.Error as error:
        print(f"database: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
