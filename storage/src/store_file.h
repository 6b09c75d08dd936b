/* storage/src/store_file.h - the file of a store while it is written, and how it is known.
 *
 * It is written under STORE.partial and gets its own name only when it is whole and on the disk;
 * whatever goes wrong, STORE.partial and its journals are removed. */
#ifndef PARKVIEW_STORAGE_STORE_FILE_H
#define PARKVIEW_STORAGE_STORE_FILE_H

#include <pthread.h>
#include <sqlite3.h>

#include "storage/src/build.h"

/* "PvSt", in the header of the database (PRAGMA application_id); PRAGMA user_version is
 * STORE_FORMAT of storage/store.h. */
enum { STORE_APPLICATION_ID = 0x50765374 };

struct store_file {
    sqlite3 *db; /* a transaction is open */
    const char *path;
    char partial[4096];
    bool growing;
    int fd; /* the same file; closed after db, whose locks it would take away; -1 = none */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool threaded, stop; /* stop: under the lock */
};

/* What a store says of its trace, beside the builder's counts. */
struct store_origin {
    int format_version;
    bool newer, threads_reliable;
    uint64_t trace_bytes;
    const char *source_name;
};

int store_file_create(struct store_file *s, const char *path, bool growing, struct fault *f);
int store_file_meta(struct store_file *s, struct builder *b, const struct store_origin *o,
                    bool complete, struct fault *f);
/* store_file_finish - commits, closes and renames; the builder must be freed before. */
int store_file_finish(struct store_file *s, struct fault *f);
/* store_file_abandon - closes and removes; harmless after store_file_finish. */
void store_file_abandon(struct store_file *s);

#endif
