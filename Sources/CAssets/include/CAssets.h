#pragma once

#include <stddef.h>

/// A file of the repository that the program carries with it.
typedef struct {
    /// Path from the top of the repository, such as `schemas/migrations/V001_create_jobs.sql`.
    const char *path;
    const unsigned char *bytes;
    size_t count;
} asset;

/// The first of all embedded files; they lie one after the other.
const asset *assets_first(void);
/// How many there are.
size_t assets_count(void);
