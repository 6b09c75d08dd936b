/* storage/src/input.h - the bytes of a trace, wherever they come from.
 *
 * A file, a pipe ("-" is standard input) or a buffer; gzip and zstd are recognised by their first
 * bytes and undone on the way.  Memory use does not depend on the size of the input. */
#ifndef PARKVIEW_STORAGE_INPUT_H
#define PARKVIEW_STORAGE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/fault.h"

struct input;

/* input_open - path may be "-".  Directories, missing files and missing permission are faults
 * (PV_EIO) that say so.  The caller closes *out. */
int input_open(const char *path, struct input **out, struct fault *f);

/* input_open_memory - reads a buffer that the caller keeps alive; for tests and fuzzers. */
int input_open_memory(const void *data, size_t n, struct input **out, struct fault *f);

/* input_read - up to n decompressed bytes into buf.  Returns the count (> 0), 0 at the clean end,
 * or a code < 0 (damaged gzip/zstd: PV_ECORRUPT; a truncated compressed stream is that too). */
int64_t input_read(struct input *in, void *buf, size_t n, struct fault *f);

/* How the bytes were packed, as their first bytes said. */
enum input_packing { INPUT_PLAIN, INPUT_GZIP, INPUT_ZSTD };
enum input_packing input_packing(const struct input *in);

/* An input that is a plain file or a buffer can also be read anywhere, whatever input_read has
 * read; these may be called from any thread. */
bool input_is_random(const struct input *in);
/* input_size - of the whole, as it is now. */
int64_t input_size(const struct input *in, struct fault *f);
/* input_at - n bytes from byte `at` on; fewer only where it ends.  The count, or a code. */
int64_t input_at(const struct input *in, uint64_t at, void *buf, size_t n, struct fault *f);
/* input_pread - the same of a file. */
int64_t input_pread(int fd, uint64_t at, void *buf, size_t n, struct fault *f);
/* input_soon - those bytes will be wanted: a hint, which does not wait. */
void input_soon(const struct input *in, uint64_t at, uint64_t n);
/* input_reached - for input_progress, where input_at reads and input_read does not. */
void input_reached(struct input *in, uint64_t done);

/* input_fd - the file itself where it is one that can be read at any offset, and is not packed;
 * else -1. */
int input_fd(const struct input *in);

/* input_progress - raw (still compressed) bytes read so far, and in all (0 = not known: a pipe).
 * May be called from another thread. */
void input_progress(const struct input *in, uint64_t *done, uint64_t *total);

/* input_cancel - from another thread: a read that waits for a pipe, and every later one, returns
 * PV_ECANCELED soon. */
void input_cancel(struct input *in);

void input_close(struct input *in);

#endif
