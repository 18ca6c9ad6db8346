"""Dramatiq with confirms and a middleware that keeps each job's state in Postgres."""

import os
import threading
import time

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

import peer

THREADS = "8"


class Status(dramatiq.Middleware):
    """Writes `running` before and `completed` after a job, one connection for each thread."""

    def __init__(self):
        self.local = threading.local()

    def execute(self, sql, job):
        if not hasattr(self.local, "cursor"):
            self.local.cursor = peer.connect().cursor()
        self.local.cursor.execute(sql, (job,))

    def before_process_message(self, broker, message):
        self.execute(
            "INSERT INTO bench_job (id, state) VALUES (%s, 'running') ON CONFLICT (id) DO UPDATE SET state = 'running'",
            message.message_id)

    def after_process_message(self, broker, message, *, result=None, exception=None):
        self.execute(
            "UPDATE bench_job SET state = 'completed', finished_at = clock_timestamp() WHERE id = %s",
            message.message_id)


broker = RabbitmqBroker(url=peer.AMQP, confirm_delivery=True)
broker.add_middleware(Status())
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=peer.QUEUE)
def job():
    pass


def prepare():
    peer.connect().cursor().execute(peer.CREATE)
    broker.declare_queue(peer.QUEUE, ensure=True)


def enqueue(count):
    begin = time.time()
    for _ in range(count):
        job.send()
    peer.answer(seconds=time.time() - begin)


def work():
    os.execlp("dramatiq", "dramatiq", "dramatiq_peer", "--processes", "1", "--threads", THREADS)


def latency(rate, seconds):
    peer.latency(lambda: job.send().message_id, rate, seconds)


if __name__ == "__main__":
    peer.main(prepare=prepare, enqueue=enqueue, work=work, latency=latency)
