/* storage/src/sums.h - what the waits of one chunk of slices sum to, by class.
 *
 * Kept with each chunk, so that a table of waits over any window adds up whole chunks and looks
 * at slices only at the window's edges.  Durations are counted in WAIT_FINE_PER_OCTAVE buckets to
 * the power of two: a percentile read from them is at most 1/WAIT_FINE_PER_OCTAVE too long. */
#ifndef PARKVIEW_STORAGE_SUMS_H
#define PARKVIEW_STORAGE_SUMS_H

#include "storage/src/buffer.h"
#include "storage/src/names.h"
#include "storage/src/seq.h"

enum { WAIT_FINE_PER_OCTAVE = 32, WAIT_FINE_BUCKETS = 60 * WAIT_FINE_PER_OCTAVE };

/* wait_bucket - 0 … WAIT_FINE_BUCKETS-1; exact below 2 * WAIT_FINE_PER_OCTAVE ns. */
static inline uint32_t wait_bucket(int64_t dur_ns) {
    uint64_t d = dur_ns > 0 ? (uint64_t)dur_ns : 0;
    if (d < WAIT_FINE_PER_OCTAVE) return (uint32_t)d;
    unsigned octave = 63 - (unsigned)__builtin_clzll(d); /* >= 5 */
    return (octave - 4) * WAIT_FINE_PER_OCTAVE +
           (uint32_t)((d >> (octave - 5)) & (WAIT_FINE_PER_OCTAVE - 1));
}
/* wait_bucket_low - the smallest duration of a bucket. */
static inline int64_t wait_bucket_low(uint32_t b) {
    if (b < WAIT_FINE_PER_OCTAVE) return b;
    unsigned octave = b / WAIT_FINE_PER_OCTAVE + 4;
    return (int64_t)(WAIT_FINE_PER_OCTAVE + b % WAIT_FINE_PER_OCTAVE) << (octave - 5);
}

/* Classes whose time counts as waiting: all waiting but "forever", which Go's summary treats as
 * the goroutine's end (such a wait counts, with no time). */
static inline int64_t waited_ns(bool forever, int64_t dur_ns) {
    return forever ? 0 : dur_ns;
}

/* What the builder notes on a slice for those who see its chunk sealed, maybe in another thread:
 * bits 0-15 tag, 16-31 processor + 1, and these. */
#define NOTE_RAW_ONLY (UINT64_C(1) << 32) /* stands in no level of detail */
#define NOTE_WAITING  (UINT64_C(1) << 33)
#define NOTE_FOREVER  (UINT64_C(1) << 34)

struct sum {
    uint32_t class_id;
    int64_t count, total_ns, max_ns;
};
struct sum_bucket {
    uint32_t bucket, count;
};

/* Layout of the chunk's extra blob (varints; whole blob through bytes_put):
 *   n classes, then per class: class - previous, count, total, max, n buckets, then per bucket:
 *   bucket - previous, count. */
struct sums_writer;
struct sums_writer *sums_writer_new(void);
void sums_writer_free(struct sums_writer *w);
/* sums_write - one chunk's sums into out; v[0] of a row is its class, note its NOTE_ bits. */
int sums_write(struct sums_writer *w, const struct seq_chunk_view *view, struct buffer *out,
               struct fault *f);

/* sums_read - calls visit for each class, with its buckets; visit returns 0 to go on. */
struct column_codec;
typedef int (*sums_visit_fn)(void *arg, const struct sum *sum, const struct sum_bucket *buckets,
                             uint32_t n_buckets);
int sums_read(struct column_codec *codec, struct buffer *scratch, const uint8_t *data, size_t n,
              sums_visit_fn visit, void *arg, struct fault *f);

#endif
