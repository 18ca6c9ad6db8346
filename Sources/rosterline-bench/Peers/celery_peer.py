"""Celery with late acknowledgement, started-tracking, its own database backend, and confirms."""

import os
import time

import celery

import peer

app = celery.Celery("celery_peer", broker=peer.AMQP, backend="db+" + peer.POSTGRES)
app.conf.update(
    task_default_queue=peer.QUEUE,
    task_acks_late=True,
    task_track_started=True,
    worker_prefetch_multiplier=100,
    broker_transport_options={"confirm_publish": True},
    database_create_tables_at_setup=True,
)
FINISHED = "SELECT task_id, NULL, extract(epoch FROM date_done AT TIME ZONE 'UTC') FROM celery_taskmeta WHERE status = 'SUCCESS'"


@app.task(name="job")
def job():
    pass


def prepare():
    app.backend.ResultSession()
    job.apply_async()
    with app.connection() as connection:
        connection.channel().queue_purge(peer.QUEUE)


def enqueue(count):
    begin = time.time()
    for _ in range(count):
        job.apply_async()
    peer.answer(seconds=time.time() - begin)


def work():
    os.execlp(
        "celery", "celery", "-A", "celery_peer", "worker", "--concurrency", "1", "--loglevel", "ERROR",
        "--without-gossip", "--without-mingle", "--hostname", f"bench{os.getpid()}@localhost")


def latency(rate, seconds):
    peer.latency(lambda: job.apply_async().id, rate, seconds, FINISHED)


if __name__ == "__main__":
    peer.main(prepare=prepare, enqueue=enqueue, work=work, latency=latency)
