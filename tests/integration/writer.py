"""A client that writes rows one after the other, as the application would: libpq finds the node that takes them.

    python3 writer.py HOSTS PORT DATABASE USER CA    the password is read from standard input

Each line it prints is one row that was acknowledged: its number, the seconds since the one before, and who took it. It
runs with Debian's Python and psycopg, in a node's root; the number is printed after the commit returned, never before.
"""

import sys
import time

import psycopg2

hosts, port, database, user, ca = sys.argv[1:]
password = sys.stdin.readline().strip()
last, number = time.monotonic(), 0
while True:
    try:
        channel = psycopg2.connect(
            host=hosts, port=port, dbname=database, user=user, password=password, sslmode="verify-full",
            sslrootcert=ca, target_session_attrs="read-write", connect_timeout=2, tcp_user_timeout=3000,
            keepalives_idle=1, keepalives_interval=1, keepalives_count=3,
        )  # fmt: skip
        with channel.cursor() as cursor:
            cursor.execute("select host(inet_server_addr())")
            server = cursor.fetchone()[0]
            channel.commit()
            while True:
                number += 1  # never the same twice: what became of a row that was not acknowledged is not known
                cursor.execute("insert into written values (%s)", (number,))
                channel.commit()
                now = time.monotonic()
                print(number, round(now - last, 3), server, flush=True)  # noqa: T201
                last = now
                time.sleep(0.02)
    except psycopg2.Error:
        time.sleep(0.1)
