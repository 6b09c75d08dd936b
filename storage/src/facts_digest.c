/* storage/src/facts_digest.c - the two digests by which readers of one trace are compared.
 *
 * All           SHA-256 of a line per goroutine transition, in order:
 *               time since the first event, goroutine, from, to, reason, P, M; tabs between.
 * Per goroutine SHA-256 of "goroutine, from, to, reason" where from != to, for each goroutine; then
 *               SHA-256 over "goroutine, hex" in ascending order of goroutines.  Does not depend on
 *               how ties of time are broken.
 *
 * One running hash per goroutine, hundreds of thousands of them, is why libcrypto's plain
 * SHA256_CTX is used (112 bytes, no allocation, 5 ns to start) and not EVP_MD_CTX (over 300 bytes
 * in three allocations, 300 ns to start).  Its compression is the same, with the CPU's SHA
 * instructions. */
#define OPENSSL_API_COMPAT 10101 /* the interface of 1.1.1: SHA256_* without deprecation */
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/digits.h"
#include "storage/src/facts_impl.h"

enum { TEXT_CAP = 1 << 16, LINE_ROOM = 256 /* of a line without its reason */ };

struct go_hash {
    SHA256_CTX context;
    bool used;
};

bool facts__digest_start(struct facts_build *b) {
    struct digests *d = &b->digests;
    d->all = malloc(sizeof *d->all);
    d->text = malloc(TEXT_CAP);
    if (!d->all || !d->text) {
        facts__digest_free(b);
        return false;
    }
    SHA256_Init(d->all);
    return true;
}

static char *put_text(char *p, const char *text) {
    size_t n = strlen(text);
    memcpy(p, text, n);
    return p + n;
}

static struct go_hash *hash_of(struct facts_build *b, uint32_t go) {
    struct digests *d = &b->digests;
    while (d->n <= go) {
        if (!facts__room(b, &d->of_go, &d->cap, d->n, sizeof *d->of_go)) return NULL;
        d->of_go[d->n++].used = false;
    }
    struct go_hash *hash = &d->of_go[go];
    if (!hash->used) SHA256_Init(&hash->context);
    hash->used = true;
    return hash;
}

static void flush(struct digests *d) {
    SHA256_Update(d->all, d->text, d->n_text);
    d->n_text = 0;
}

void facts__digest_line(struct facts_build *b, const struct ev *e, uint32_t go) {
    struct digests *d = &b->digests;
    struct text reason = dict_string(b->dict, e->str);
    if (d->n_text + LINE_ROOM + reason.n > TEXT_CAP) flush(d);
    bool fits = LINE_ROOM + reason.n <= TEXT_CAP;
    char *begin = d->text + d->n_text;
    char *p = put_i64(begin, facts__since(e->time_ns, b->first));
    *p++ = '\t';
    char *own = p;
    p = put_i64(p, (int64_t)e->id);
    *p++ = '\t';
    p = put_text(p, facts__go_state_name(e->from));
    *p++ = '\t';
    p = put_text(p, facts__go_state_name(e->to));
    *p++ = '\t';
    struct go_hash *hash = e->from != e->to ? hash_of(b, go) : NULL;
    if (!fits) { /* a reason of more than 64 kB: straight into the hashes */
        SHA256_Update(d->all, begin, (size_t)(p - begin));
        SHA256_Update(d->all, reason.data, reason.n);
        if (hash) SHA256_Update(&hash->context, own, (size_t)(p - own));
        if (hash) SHA256_Update(&hash->context, reason.data, reason.n);
        begin = own = p = d->text;
    } else if (reason.n) {
        memcpy(p, reason.data, reason.n);
        p += reason.n;
    }
    *p = '\n'; /* where the goroutine's own line ends */
    if (hash) SHA256_Update(&hash->context, own, (size_t)(p - own) + 1);
    *p++ = '\t';
    p = put_i64(p, e->p);
    *p++ = '\t';
    p = put_i64(p, e->m);
    *p++ = '\n';
    d->n_text = (size_t)(p - d->text);
    d->lines++;
}

static void hex_of(SHA256_CTX *context, char out[65]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char md[SHA256_DIGEST_LENGTH];
    SHA256_Final(md, context);
    for (size_t i = 0; i < sizeof md; i++) {
        out[2 * i] = digits[md[i] >> 4];
        out[2 * i + 1] = digits[md[i] & 15];
    }
    out[64] = 0;
}

struct id_index {
    int64_t id;
    uint32_t go;
};

static int by_id(const void *a, const void *b) {
    const struct id_index *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

void facts__digest_finish(struct facts_build *b) {
    struct digests *d = &b->digests;
    struct id_index *order = calloc(d->n ? d->n : 1, sizeof *order);
    if (!order) {
        b->failed = true;
        return;
    }
    uint32_t n = 0;
    for (uint32_t go = 0; go < d->n; go++)
        if (d->of_go[go].used) order[n++] = (struct id_index){b->goroutines[go].id, go};
    if (n) qsort(order, n, sizeof *order, by_id);
    SHA256_CTX all;
    SHA256_Init(&all);
    for (uint32_t i = 0; i < n; i++) {
        char line[DIGITS_MAX + 1 + 65];
        char *p = put_i64(line, order[i].id);
        *p++ = '\t';
        hex_of(&d->of_go[order[i].go].context, p);
        p[64] = '\n';
        SHA256_Update(&all, line, (size_t)(p - line) + 65);
    }
    free(order);
    hex_of(&all, b->out.digest_per_goroutine);
    flush(d);
    hex_of(d->all, b->out.digest);
    b->out.digest_lines = d->lines;
}

void facts__digest_free(struct facts_build *b) {
    free(b->digests.all);
    free(b->digests.of_go);
    free(b->digests.text);
    b->digests = (struct digests){0};
}

uint64_t facts__stack_hash(const struct dict *d, struct stack stack) {
    SHA256_CTX context;
    SHA256_Init(&context);
    for (uint32_t i = 0; i < stack.n; i++) {
        struct text func = dict_string(d, stack.frames[i].func);
        if (func.n) SHA256_Update(&context, func.data, func.n);
        SHA256_Update(&context, "\n", 1);
    }
    unsigned char md[SHA256_DIGEST_LENGTH];
    SHA256_Final(md, &context);
    uint64_t hash = 0;
    for (int i = 0; i < 8; i++) hash = hash << 8 | md[i];
    return hash;
}
