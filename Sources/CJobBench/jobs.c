// Durable jobs in plain C: what the servers allow at the least.
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

// Debian 12 has the headers at the top; later versions keep them in a folder of their own.
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#endif

#include "CJobBench.h"
#include "job_bench.h"

enum { channel = 1 };

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

const char *variable(const char *name) {
    const char *value = getenv(name);
    if (value == NULL) fail("%s is not set", name);
    return value;
}

double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(amqp_rpc_reply_t reply, const char *what) {
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("%s: reply type %d, %s", what, reply.reply_type, amqp_error_string2(reply.library_error));
}

static amqp_connection_state_t connect_broker(void) {
    amqp_connection_state_t broker = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(broker);
    if (amqp_socket_open(socket, variable("BENCH_AMQP_HOST"), atoi(variable("BENCH_AMQP_PORT"))) != AMQP_STATUS_OK) fail("no broker");
    check(amqp_login(broker, "/", 0, 131072, 60, AMQP_SASL_METHOD_PLAIN, variable("BENCH_AMQP_USER"), variable("BENCH_AMQP_PASSWORD")), "login");
    amqp_channel_open(broker, channel);
    check(amqp_get_rpc_reply(broker), "open a channel");
    return broker;
}

static PGconn *connect_database(void) {
    PGconn *database = PQconnectdb(variable("BENCH_POSTGRES"));
    if (PQstatus(database) != CONNECTION_OK) fail("%s", PQerrorMessage(database));
    return database;
}

// Publishing

static void make_id(char *text) {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) fail("no randomness");
    for (int index = 0, at = 0; index < 16; index++) {
        if (index == 4 || index == 6 || index == 8 || index == 10) text[at++] = '-';
        at += sprintf(text + at, "%02x", bytes[index]);
    }
}

static void publish(amqp_connection_state_t broker, const char *id) {
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
    amqp_bytes_t body = {id_length, (void *)id};
    amqp_bytes_t queue = amqp_cstring_bytes(variable("BENCH_QUEUE"));
    if (amqp_basic_publish(broker, channel, amqp_empty_bytes, queue, 1, 0, &properties, body) != AMQP_STATUS_OK) fail("publish");
}

/// Waits until the broker has confirmed that many messages since the last call.
static void wait_for_confirms(amqp_connection_state_t broker, int count) {
    static uint64_t before;
    bool *is_confirmed = calloc((size_t)count, sizeof *is_confirmed);
    for (int missing = count; missing > 0;) {
        amqp_frame_t frame;
        struct timeval limit = {30, 0};
        amqp_maybe_release_buffers(broker);
        if (amqp_simple_wait_frame_noblock(broker, &frame, &limit) != AMQP_STATUS_OK) fail("no confirm within 30 s");
        if (frame.frame_type != AMQP_FRAME_METHOD) continue;
        if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) fail("a message was refused or returned");
        amqp_basic_ack_t *ack = frame.payload.method.decoded;
        uint64_t last = ack->delivery_tag - before;
        // Confirms may come out of order.
        for (uint64_t tag = ack->multiple ? 1 : last; tag <= last; tag++) {
            missing -= !is_confirmed[tag - 1];
            is_confirmed[tag - 1] = true;
        }
    }
    before += (uint64_t)count;
    free(is_confirmed);
}

static amqp_connection_state_t connect_publisher(void) {
    amqp_connection_state_t broker = connect_broker();
    amqp_confirm_select(broker, channel);
    check(amqp_get_rpc_reply(broker), "ask for confirms");
    return broker;
}

static void enqueue(int count, int batch) {
    amqp_connection_state_t broker = connect_publisher();
    double begin = now();
    char id[id_length + 1];
    for (int sent = 0; sent < count; sent += batch) {
        int size = count - sent < batch ? count - sent : batch;
        for (int number = 0; number < size; number++) {
            make_id(id);
            publish(broker, id);
        }
        wait_for_confirms(broker, size);
    }
    printf("{\"seconds\": %f}\n", now() - begin);
}

// Working

/// Takes a message, if one is there or comes within the limit.
static bool take(amqp_connection_state_t broker, struct timeval *limit, char *id, uint64_t *tag) {
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(broker);
    amqp_rpc_reply_t reply = amqp_consume_message(broker, &envelope, limit, 0);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_TIMEOUT) return false;
    check(reply, "take a message");
    // The engine's messages are JSON, in which the job's id comes first; ours are the id alone.
    static const char key[] = "\"job\":\"";
    const char *body = envelope.message.body.bytes;
    size_t length = envelope.message.body.len;
    const char *found = memmem(body, length, key, sizeof key - 1);
    const char *text = found == NULL ? body : found + sizeof key - 1;
    if (text + id_length > body + length) fail("a message without an id");
    memcpy(id, text, id_length);
    id[id_length] = 0;
    *tag = envelope.delivery_tag;
    amqp_destroy_envelope(&envelope);
    return true;
}

static void acknowledge(amqp_connection_state_t broker, uint64_t tag) {
    if (amqp_basic_ack(broker, channel, tag, 1) != AMQP_STATUS_OK) fail("acknowledge");
}

static void work(int count, int size, int prefetch) {
    PGconn *database = connect_database();
    const char *file = getenv("BENCH_STATEMENTS");
    bool is_leased = file != NULL;
    statements *all = statements_prepare(database, file);
    amqp_connection_state_t broker = connect_broker();
    amqp_basic_qos(broker, channel, 0, (uint16_t)prefetch, 0);
    check(amqp_get_rpc_reply(broker), "set the prefetch");
    amqp_bytes_t queue = amqp_cstring_bytes(variable("BENCH_QUEUE"));
    amqp_basic_consume(broker, channel, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(broker), "consume");
    job_batch batch = {0, calloc((size_t)size, id_length + 1), calloc((size_t)size, sizeof(int64_t))};
    uint64_t tag = 0;
    for (int done = 0; count == 0 || done < count;) {
        struct timeval none = {0, 0};
        batch.count = 0;
        while (batch.count < size && take(broker, batch.count == 0 ? NULL : &none, batch.ids[batch.count], &tag)) batch.count++;
        statements_begin(all, &batch);
        // As the engine: once claimed, a job has its lease, and its message is no longer needed.
        if (is_leased) acknowledge(broker, tag);
        statements_complete(all, &batch);
        if (!is_leased) acknowledge(broker, tag);
        done += batch.count;
    }
}

// Latency

static int by_value(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

static void print_quantiles(const char *name, double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    printf("\"%s\": [%f, %f]", name, values[count / 2] * 1000, values[count * 99 / 100] * 1000);
}

static void sleep_until(double moment) {
    double pause = moment - now();
    if (pause <= 0) return;
    struct timespec time = {(time_t)pause, (long)((pause - (double)(time_t)pause) * 1e9)};
    nanosleep(&time, NULL);
}

static void latency(int rate, int seconds) {
    amqp_connection_state_t broker = connect_publisher();
    PGconn *database = connect_database();
    int count = rate * seconds;
    PQclear(run(database, "CREATE TABLE bench_sent (id uuid PRIMARY KEY, sent_at float8 NOT NULL)"));
    char (*ids)[id_length + 1] = calloc((size_t)count, sizeof *ids);
    double begin = now();
    for (int number = 0; number < count; number++) {
        sleep_until(begin + (double)number / rate);
        make_id(ids[number]);
        publish(broker, ids[number]);
        wait_for_confirms(broker, 1);
    }
    for (int number = 0; number < count; number++) {
        char sql[200];
        snprintf(sql, sizeof sql, "INSERT INTO bench_sent VALUES ('%s', %f)", ids[number], begin + (double)number / rate);
        PQclear(run(database, sql));
    }
    PGresult *rows = run(database,
        "SELECT extract(epoch FROM started_at) - sent_at, extract(epoch FROM finished_at) - sent_at "
        "FROM bench_job JOIN bench_sent USING (id) WHERE state = 'completed'");
    if (PQntuples(rows) != count) fail("only %d of %d jobs were completed", PQntuples(rows), count);
    double *starts = calloc((size_t)count, sizeof *starts), *ends = calloc((size_t)count, sizeof *ends);
    for (int row = 0; row < count; row++) {
        starts[row] = atof(PQgetvalue(rows, row, 0));
        ends[row] = atof(PQgetvalue(rows, row, 1));
    }
    printf("{");
    print_quantiles("start", starts, count);
    printf(", ");
    print_quantiles("end", ends, count);
    printf("}\n");
}

int job_bench_main(int argc, char **argv) {
    int numbers[3] = {0};
    for (int index = 0; index < 3 && index + 1 < argc; index++) numbers[index] = atoi(argv[index + 1]);
    if (argc == 3 && strcmp(argv[0], "enqueue") == 0) {
        enqueue(numbers[0], numbers[1]);
    } else if (argc == 4 && strcmp(argv[0], "work") == 0) {
        work(numbers[0], numbers[1], numbers[2]);
    } else if (argc == 3 && strcmp(argv[0], "latency") == 0) {
        latency(numbers[0], numbers[1]);
    } else {
        fail("unknown command");
    }
    return 0;
}
