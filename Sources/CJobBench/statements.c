// What is written to Postgres for a batch of jobs.
//
// The engine's statements come from a file that the engine's own code has filled, so that they cannot drift apart:
//
//   statement PHASE LENGTH            PHASE is begin or complete; LENGTH bytes of SQL follow, and a newline
//   parameter TYPE FORM LENGTH        TYPE is an object identifier; LENGTH bytes follow, and a newline. FORM is
//                                     null, value (sent as it is), each (an array's element, repeated for each job),
//                                     job or token (an array of the batch's own ids or tokens)
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job_bench.h"

typedef enum { form_null, form_value, form_each, form_job, form_token } parameter_form;

enum { parameter_limit = 64, statement_limit = 8 };

typedef struct {
    parameter_form form;
    char *text;
    char *made;
} parameter;

typedef struct {
    bool completes;
    char name[16];
    int count;
    parameter parameters[parameter_limit];
} statement;

struct statements {
    PGconn *database;
    int count;
    statement each[statement_limit];
};

static const char plain_begin[] =
    "INSERT INTO bench_job (id, state) SELECT unnest($1::uuid[]), 'running' "
    "ON CONFLICT (id) DO UPDATE SET state = 'running', started_at = clock_timestamp()";
static const char plain_complete[] =
    "UPDATE bench_job SET state = 'completed', finished_at = clock_timestamp() WHERE id = ANY ($1::uuid[])";

static statement *add(statements *all, bool completes, const char *sql, const Oid *types, int count) {
    if (all->count == statement_limit) fail("more than %d statements", statement_limit);
    statement *added = &all->each[all->count];
    added->completes = completes;
    added->count = count;
    snprintf(added->name, sizeof added->name, "s%d", all->count++);
    PGresult *result = PQprepare(all->database, added->name, sql, count, types);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) fail("prepare: %s", PQerrorMessage(all->database));
    PQclear(result);
    return added;
}

static char *read_text(FILE *file, size_t length) {
    char *text = malloc(length + 1);
    if (fread(text, 1, length, file) != length) fail("the file of statements ends too early");
    text[length] = 0;
    fgetc(file);
    return text;
}

static parameter_form form_named(const char *name) {
    static const char *const names[] = {"null", "value", "each", "job", "token"};
    for (int index = 0; index < 5; index++) {
        if (strcmp(names[index], name) == 0) return (parameter_form)index;
    }
    fail("unknown form %s", name);
}

static void read_statements(statements *all, const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) fail("cannot read %s", path);
    char phase[16];
    size_t length;
    while (fscanf(file, "statement %15s %zu", phase, &length) == 2) {
        fgetc(file);
        char *sql = read_text(file, length);
        statement read = {0};
        Oid types[parameter_limit];
        char form[16];
        while (fscanf(file, "parameter %u %15s %zu", &types[read.count], form, &length) == 3) {
            fgetc(file);
            if (read.count + 1 == parameter_limit) fail("more than %d parameters", parameter_limit);
            read.parameters[read.count++] = (parameter){form_named(form), read_text(file, length), NULL};
        }
        statement *added = add(all, strcmp(phase, "complete") == 0, sql, types, read.count);
        memcpy(added->parameters, read.parameters, sizeof read.parameters);
        free(sql);
    }
    fclose(file);
}

PGresult *run(PGconn *database, const char *sql) {
    PGresult *result = PQexec(database, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail("%s: %s", sql, PQerrorMessage(database));
    return result;
}

statements *statements_prepare(PGconn *database, const char *file) {
    statements *all = calloc(1, sizeof *all);
    all->database = database;
    if (file != NULL) {
        read_statements(all, file);
        return all;
    }
    // A generic plan that was made while the table was empty would scan it for ever.
    PQclear(run(database, "SET plan_cache_mode = force_custom_plan"));
    static const Oid array_of_uuid = 2951;
    add(all, false, plain_begin, &array_of_uuid, 1)->parameters[0].form = form_job;
    add(all, true, plain_complete, &array_of_uuid, 1)->parameters[0].form = form_job;
    return all;
}

static const char *text_of(parameter *parameter, const job_batch *batch) {
    if (parameter->form == form_null) return NULL;
    if (parameter->form == form_value) return parameter->text;
    size_t width = parameter->form == form_each ? strlen(parameter->text) : id_length;
    char *text = realloc(parameter->made, (size_t)batch->count * (width + 1) + 3);
    parameter->made = text;
    *text++ = '{';
    for (int index = 0; index < batch->count; index++) {
        if (index > 0) *text++ = ',';
        switch (parameter->form) {
        case form_job: text = stpcpy(text, batch->ids[index]); break;
        case form_token: text += sprintf(text, "%ld", (long)batch->tokens[index]); break;
        default: text = stpcpy(text, parameter->text);
        }
    }
    strcpy(text, "}");
    return parameter->made;
}

/// A claim answers with the jobs that it got and their tokens, in an order of its own.
static void learn(job_batch *batch, PGresult *rows) {
    int id = -1, token = -1;
    for (int column = PQnfields(rows) - 1; column >= 0; column--) {
        if (PQftype(rows, column) == 2950) id = column;
        if (PQftype(rows, column) == 20) token = column;
    }
    if (id < 0 || token < 0) return;
    batch->count = PQntuples(rows);
    for (int row = 0; row < batch->count; row++) {
        memcpy(batch->ids[row], PQgetvalue(rows, row, id), id_length);
        batch->tokens[row] = atol(PQgetvalue(rows, row, token));
    }
}

static void run_phase(statements *all, job_batch *batch, bool completes) {
    for (int index = 0; index < all->count; index++) {
        statement *each = &all->each[index];
        if (each->completes != completes || batch->count == 0) continue;
        const char *values[parameter_limit];
        for (int number = 0; number < each->count; number++) values[number] = text_of(&each->parameters[number], batch);
        PGresult *rows = PQexecPrepared(all->database, each->name, each->count, values, NULL, NULL, 0);
        ExecStatusType status = PQresultStatus(rows);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail("%s", PQerrorMessage(all->database));
        if (!completes && status == PGRES_TUPLES_OK) learn(batch, rows);
        PQclear(rows);
    }
}

void statements_begin(statements *all, job_batch *batch) {
    run_phase(all, batch, false);
}

void statements_complete(statements *all, job_batch *batch) {
    run_phase(all, batch, true);
}
