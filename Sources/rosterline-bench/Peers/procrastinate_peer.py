"""Procrastinate: the queue is in Postgres itself; there is no broker."""

import asyncio
import time

import procrastinate

import peer

CONCURRENCY = 20
FINISHED = """
SELECT job_id::text, extract(epoch FROM max(at) FILTER (WHERE type = 'started')),
    extract(epoch FROM max(at) FILTER (WHERE type = 'succeeded'))
FROM procrastinate_events GROUP BY job_id HAVING bool_or(type = 'succeeded')
"""
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=peer.POSTGRES))


@app.task(name="job", queue="bench")
async def job():
    pass


def prepare():
    with app.open():
        app.schema_manager.apply_schema()


def enqueue(count):
    with app.open():
        begin = time.time()
        for first in range(0, count, 500):
            job.batch_defer(*[{} for _ in range(min(500, count - first))])
        peer.answer(seconds=time.time() - begin)


def work():
    async def run():
        async with app.open_async():
            await app.run_worker_async(concurrency=CONCURRENCY)

    asyncio.run(run())


def latency(rate, seconds):
    with app.open():
        peer.latency(job.defer, rate, seconds, FINISHED)


if __name__ == "__main__":
    peer.main(prepare=prepare, enqueue=enqueue, work=work, latency=latency)
