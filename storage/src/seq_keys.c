/* storage/src/seq_keys.c - a chunk's directory of keys, in blocks that are read alone.
 *
 * Layout      directory (varints): n_keys, then per block of SEQ_BLOCK_KEYS keys: its first key -
 *             that of the block before, its rows, its bytes; n_pages, then per page: where it
 *             begins in data - the page before, t0 - start of its first row; the blocks, where they
 *             are small.  A page in data: else the blocks whose first row it has, then the rows
 *             (seq_write.c).  A block: per key the
 *             distance to the key before (of the first 0), then per key rows - 1, then per key
 *             t0 - first start in units (seq_pack_signed), all as one run of bits.h.
 * Why         one goroutine's history looks for one key in every chunk: with its block beside its
 *             rows both are mostly one piece of the file, and a dozen directories are one page.
 *             But where few goroutines do much, most chunks do not have the key at all: there the
 *             directory has to say so. */
#include <stdlib.h>

#include "storage/src/bits.h"
#include "storage/src/seq_impl.h"

enum { N_FIELDS = 3 };
_Static_assert(N_FIELDS *SEQ_BLOCK_KEYS <= BITS_BLOCK * BITS_MAX_BLOCKS, "a block is one run");

void seq_put_block(struct buffer *index, struct buffer *blocks, const struct seq_key *keys,
                   uint32_t n, int64_t before, int64_t t0, int unit) {
    uint64_t fields[N_FIELDS * SEQ_BLOCK_KEYS];
    uint64_t rows = 0;
    for (uint32_t i = 0; i < n; i++) {
        fields[i] = i ? (uint64_t)keys[i].key - (uint64_t)keys[i - 1].key : 0;
        fields[n + i] = keys[i].n_rows - 1;
        fields[2 * n + i] = seq_pack_signed(t0 - keys[i].first_start_ns, unit);
        rows += keys[i].n_rows;
    }
    size_t at = blocks->n;
    bits_put(blocks, fields, N_FIELDS * n);
    buffer_signed(index, (int64_t)((uint64_t)keys[0].key - (uint64_t)before));
    buffer_varint(index, rows);
    buffer_varint(index, blocks->n - at);
}

static int parse_blocks(struct seq_chunk *c, struct cursor *in) {
    uint64_t n = cursor_varint(in);
    if (in->bad || n < 1 || n > c->n_rows) return PV_ECORRUPT;
    c->n_keys = (uint32_t)n;
    c->n_blocks = (c->n_keys + SEQ_BLOCK_KEYS - 1) / SEQ_BLOCK_KEYS;
    c->blocks = malloc(c->n_blocks * sizeof *c->blocks);
    if (!c->blocks) return PV_ENOMEM;
    for (uint32_t i = 0; i < c->n_blocks; i++) c->blocks[i].keys = NULL;
    uint64_t row0 = 0, key = 0;
    for (uint32_t i = 0; i < c->n_blocks; i++) {
        key += (uint64_t)cursor_signed(in);
        uint64_t rows = cursor_varint(in), bytes = cursor_varint(in);
        if (in->bad || rows < 1 || rows > c->n_rows - row0 || bytes > INT32_MAX) return PV_ECORRUPT;
        if (i && (int64_t)key <= c->blocks[i - 1].first) return PV_ECORRUPT;
        c->blocks[i] = (struct seq_block){(int64_t)key, (uint32_t)row0, 0, (uint32_t)bytes, NULL};
        row0 += rows;
    }
    return row0 == c->n_rows ? 0 : PV_ECORRUPT;
}

static int parse_pages(struct seq_chunk *c, struct cursor *in) {
    uint64_t n = cursor_varint(in), offset = 0;
    if (in->bad || n != (c->n_rows + SEQ_PAGE_ROWS - 1) / SEQ_PAGE_ROWS) return PV_ECORRUPT;
    c->pages = malloc(n * sizeof *c->pages);
    if (!c->pages) return PV_ENOMEM;
    for (uint64_t i = 0; i < n; i++) {
        offset += cursor_varint(in);
        int64_t start = (int64_t)((uint64_t)c->t0 - (uint64_t)cursor_signed(in));
        if (in->bad || offset > INT32_MAX || seq_far(start)) return PV_ECORRUPT;
        c->pages[i] = (struct seq_page_at){start, (uint32_t)offset, (uint32_t)offset};
    }
    c->n_pages = (uint32_t)n;
    return 0;
}

/* Blocks that are the rest of the directory. */
static int keep_blocks(struct seq_chunk *c, struct cursor *in) {
    size_t n = (size_t)(in->end - in->p), offset = 0;
    for (uint32_t i = 0; i < c->n_blocks; i++) {
        c->blocks[i].offset = (uint32_t)offset;
        offset += c->blocks[i].bytes;
        if (offset > n) return PV_ECORRUPT;
    }
    c->few_keys = malloc(n);
    if (!c->few_keys) return PV_ENOMEM;
    memcpy(c->few_keys, in->p, n);
    return 0;
}

int seq_parse_directory(struct seq_chunk *c, struct cursor *in) {
    TRY(parse_blocks(c, in));
    TRY(parse_pages(c, in));
    if (in->p < in->end) return keep_blocks(c, in);
    for (uint32_t i = 0; i < c->n_blocks; i++) {
        struct seq_page_at *page = &c->pages[c->blocks[i].row0 / SEQ_PAGE_ROWS];
        c->blocks[i].offset = page->rows;
        if (c->blocks[i].bytes > INT32_MAX - page->rows) return PV_ECORRUPT;
        page->rows += c->blocks[i].bytes;
    }
    return 0;
}

static uint32_t keys_in(const struct seq_chunk *c, uint32_t block) {
    uint32_t before = block * SEQ_BLOCK_KEYS;
    return c->n_keys - before < SEQ_BLOCK_KEYS ? c->n_keys - before : SEQ_BLOCK_KEYS;
}

static int unpack_block(const struct seq_chunk *c, uint32_t block, const uint8_t *packed, int unit,
                        struct seq_key *keys) {
    uint64_t fields[N_FIELDS * SEQ_BLOCK_KEYS];
    const struct seq_block *b = &c->blocks[block];
    uint32_t n = keys_in(c, block), row = b->row0;
    uint32_t end = block + 1 < c->n_blocks ? b[1].row0 : c->n_rows;
    if (!bits_get(packed, b->bytes, fields, N_FIELDS * n, 0, N_FIELDS * n)) return PV_ECORRUPT;
    uint64_t key = (uint64_t)b->first;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t more = fields[n + i];
        int64_t back = seq_unpack_signed(fields[2 * n + i], unit);
        key += fields[i];
        if (i ? (int64_t)key <= keys[i - 1].key : fields[0] != 0) return PV_ECORRUPT;
        if (row >= end || more >= end - row) return PV_ECORRUPT;
        int64_t start = (int64_t)((uint64_t)c->t0 - (uint64_t)back);
        if (seq_far(start)) return PV_ECORRUPT;
        keys[i] = (struct seq_key){(int64_t)key, start, row, (uint32_t)more + 1};
        row += (uint32_t)more + 1;
    }
    bool apart = block + 1 == c->n_blocks || (int64_t)key < b[1].first;
    return row == end && apart ? 0 : PV_ECORRUPT;
}

int seq_load_block(struct seq *s, const struct seq_chunk *c, uint32_t block, struct fault *f) {
    struct seq_block *b = &c->blocks[block];
    if (!c->few_keys) TRY(seq_read_bytes(s, c, b->offset, b->offset + b->bytes, f));
    const uint8_t *packed = c->few_keys ? c->few_keys + b->offset : s->cache->bytes.data;
    struct seq_key *keys = malloc(keys_in(c, block) * sizeof *keys);
    int rc = keys ? unpack_block(c, block, packed, seq_unit(s->series), keys) : PV_ENOMEM;
    if (rc < 0) {
        free(keys);
        return fault_set(f, rc, -1, "a chunk's directory in the store is damaged");
    }
    b->keys = keys;
    return 0;
}

void seq_free_directory(struct seq_chunk *c) {
    for (uint32_t i = 0; c->blocks && i < c->n_blocks; i++) free(c->blocks[i].keys);
    free(c->blocks);
    free(c->pages);
    free(c->few_keys);
    c->few_keys = NULL;
    c->blocks = NULL;
    c->pages = NULL;
}

int seq_find_key(struct seq *s, const struct seq_chunk *c, int64_t key, uint32_t *at,
                 struct fault *f) {
    uint32_t low = 0, high = c->n_blocks;
    while (low < high) { /* the first block that begins behind the key */
        uint32_t mid = low + (high - low) / 2;
        if (c->blocks[mid].first <= key)
            low = mid + 1;
        else
            high = mid;
    }
    *at = 0;
    if (!low) return 0;
    uint32_t first = (low - 1) * SEQ_BLOCK_KEYS;
    const struct seq_key *keys = seq_key(s, c, first, f);
    if (!keys) return f->code;
    uint32_t n = keys_in(c, low - 1);
    for (low = 0, high = n; low < high;) {
        uint32_t mid = low + (high - low) / 2;
        if (keys[mid].key < key)
            low = mid + 1;
        else
            high = mid;
    }
    *at = first + low;
    return low < n && keys[low].key == key;
}

int seq_key_of_row(struct seq *s, const struct seq_chunk *c, uint32_t row, uint32_t *at,
                   struct fault *f) {
    uint32_t low = 0, high = c->n_blocks;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (c->blocks[mid].row0 <= row)
            low = mid;
        else
            high = mid;
    }
    uint32_t first = low * SEQ_BLOCK_KEYS, n = keys_in(c, low);
    const struct seq_key *keys = seq_key(s, c, first, f);
    if (!keys) return f->code;
    for (low = 0, high = n; high - low > 1;) {
        uint32_t mid = low + (high - low) / 2;
        if (keys[mid].row0 <= row)
            low = mid;
        else
            high = mid;
    }
    *at = first + low;
    return 0;
}
