#ifndef CJOBBENCH_H
#define CJOBBENCH_H

#include <stddef.h>

// The plain C program that the engine is measured against; a program of its own in all but its file, so that nobody
// has to build or find a second one. Ends the process where it cannot go on.
//
//   enqueue COUNT BATCH              publishes jobs, each batch confirmed before the next
//   work COUNT BATCH PREFETCH        takes and completes COUNT jobs
//   latency RATE SECONDS             publishes at a steady rate and waits until all are completed
//
// Environment: BENCH_AMQP_HOST, _PORT, _USER, _PASSWORD, BENCH_QUEUE, BENCH_EXCHANGE, BENCH_POSTGRES, and
// BENCH_STATEMENTS: a file of the engine's own statements to do the work with.
int job_bench_main(int argc, char **argv);

/// A Python program of the peers.
typedef struct {
    const char *name;
    const unsigned char *bytes;
    size_t length;
} peer_program;

/// The peers' programs; the last one has no name.
const peer_program *peer_programs(void);

#endif
