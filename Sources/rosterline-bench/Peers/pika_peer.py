"""A loop written by hand: batches of 100, two statements and one acknowledgement for each."""

import time
import uuid

import pika

import peer

BATCH = 100
RUNNING = """
INSERT INTO bench_job (id, state) SELECT unnest(%s::uuid[]), 'running'
ON CONFLICT (id) DO UPDATE SET state = 'running', started_at = clock_timestamp()
"""
COMPLETED = "UPDATE bench_job SET state = 'completed', finished_at = clock_timestamp() WHERE id = ANY (%s::uuid[])"


def channel():
    found = pika.BlockingConnection(pika.URLParameters(peer.AMQP)).channel()
    found.queue_declare(peer.QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    return found


def prepare():
    channel()
    peer.connect().cursor().execute(peer.CREATE)


def send(broker):
    job = str(uuid.uuid4())
    broker.basic_publish("", peer.QUEUE, job.encode(), pika.BasicProperties(delivery_mode=2), mandatory=True)
    return job


def confirming():
    broker = channel()
    broker.confirm_delivery()
    return broker


def enqueue(count):
    broker, begin = confirming(), time.time()
    for _ in range(count):
        send(broker)
    peer.answer(seconds=time.time() - begin)


def work(count):
    broker, cursor = channel(), peer.connect().cursor()
    broker.basic_qos(prefetch_count=1000)
    tag, jobs, done = None, [], 0

    def settle():
        cursor.execute(RUNNING, (jobs,))
        cursor.execute(COMPLETED, (jobs,))
        broker.basic_ack(tag, multiple=True)
        jobs.clear()

    # The client hands over a None when nothing has come for this long: then the batch is as full as it gets.
    for method, _, body in broker.consume(peer.QUEUE, inactivity_timeout=0.001):
        if method is not None:
            tag = method.delivery_tag
            jobs.append(body.decode())
        if jobs and (method is None or len(jobs) == BATCH):
            done += len(jobs)
            settle()
            if done == count:
                return


def latency(rate, seconds):
    broker = confirming()
    peer.latency(lambda: send(broker), rate, seconds)


if __name__ == "__main__":
    peer.main(prepare=prepare, enqueue=enqueue, work=work, latency=latency)
