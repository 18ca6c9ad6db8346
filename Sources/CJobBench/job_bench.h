// What the parts of the C program share.
#ifndef JOB_BENCH_H
#define JOB_BENCH_H

#include <libpq-fe.h>
#include <stdint.h>

/// Ends the process, saying why.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// A variable of the environment that must be there.
const char *variable(const char *name);
/// Seconds since 1970.
double now(void);

enum { id_length = 36 };

/// The ids of a batch of jobs, and the tokens that its claim gave.
typedef struct {
    int count;
    char (*ids)[id_length + 1];
    int64_t *tokens;
} job_batch;

/// The statements that a batch is done with: plain ones, or the engine's own.
typedef struct statements statements;

/// Prepares the plain statements, or those of the file.
statements *statements_prepare(PGconn *database, const char *file);
/// Runs the statements before the acknowledgement.
void statements_begin(statements *all, job_batch *batch);
/// Runs those after it.
void statements_complete(statements *all, job_batch *batch);
/// Runs a statement that must succeed; the caller clears the result.
PGresult *run(PGconn *database, const char *sql);

#endif
