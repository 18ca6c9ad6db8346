"""What the peers share: where the servers are, the table of job states, and how latency is measured."""

import json
import os
import sys
import time

import psycopg2

AMQP = os.environ["BENCH_AMQP"]
POSTGRES = os.environ["BENCH_POSTGRES"]
QUEUE = os.environ.get("BENCH_QUEUE", "bench")

CREATE = """
CREATE TABLE bench_job (
    id uuid PRIMARY KEY, state text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(), finished_at timestamptz)
"""
FINISHED = "SELECT id::text, extract(epoch FROM started_at), extract(epoch FROM finished_at) FROM bench_job WHERE state = 'completed'"


def connect():
    """A connection on which each statement is a transaction, with the plan cache's known trap avoided."""
    connection = psycopg2.connect(POSTGRES)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_custom_plan")
    return connection


def answer(**values):
    print(json.dumps(values), flush=True)


def latency(send, rate, seconds, finished=FINISHED):
    """Sends at a steady rate, however long each takes, and says how long jobs took to start and to complete."""
    sent, begin = {}, time.time()
    for number in range(int(rate * seconds)):
        pause = begin + number / rate - time.time()
        if pause > 0:
            time.sleep(pause)
        # From the planned moment: a sender that falls behind must not hide it.
        sent[str(send())] = begin + number / rate
    database, deadline = connect(), time.time() + 120
    while True:
        with database.cursor() as cursor:
            cursor.execute(finished)
            rows = cursor.fetchall()
        if len(rows) >= len(sent):
            break
        if time.time() > deadline:
            sys.exit(f"only {len(rows)} of {len(sent)} jobs were completed")
        time.sleep(0.1)
    starts = sorted(float(start) - sent[job] for job, start, _ in rows if start is not None)
    ends = sorted(float(end) - sent[job] for job, _, end in rows)
    answer(start=[quantile(starts, 0.5), quantile(starts, 0.99)], end=[quantile(ends, 0.5), quantile(ends, 0.99)])


def quantile(values, fraction):
    return values[min(len(values) - 1, int(len(values) * fraction))] * 1000 if values else None


def main(**commands):
    """Runs the command that the first argument names, with the others as numbers."""
    commands[sys.argv[1]](*(int(argument) for argument in sys.argv[2:]))
