/* storage/src/go_v1_numbers.h - the numbers of a v1 event: all at once, or one by one.
 *
 * Nine of ten events have up to four numbers of up to four bytes, which lie within eight bytes.
 * Which of the eight end a number is eight bits, and these say where each byte belongs: a shuffle
 * gives every number four bytes of its own, and two multiplications join their digits.  There is
 * no branch on a number's length.  Where the processor cannot shuffle bytes, and for all other
 * events, one number is read after the other.
 *
 * Private to the go_v1 reader.  The bytes were checked by go_v1_scan.c. */
#ifndef PARKVIEW_STORAGE_GO_V1_NUMBERS_H
#define PARKVIEW_STORAGE_GO_V1_NUMBERS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/go_v1_order.h"
#include "storage/src/varint.h"

#if defined __x86_64__
#include <tmmintrin.h>
#define V1_SHUFFLES __attribute__((target("ssse3")))
#endif

/* The numbers that are needed next, besides what goes to the event. */
struct v1_first {
    uint64_t dt, arg;
};

#if defined V1_SHUFFLES
static inline void v1_cut_all(struct v1_cuts *cuts) {
    memset(cuts->from, 0x80, sizeof cuts->from);
    memset(cuts->past, 0, sizeof cuts->past);
    for (uint32_t ends = 0; ends < 256; ends++) {
        uint32_t n = 0, bytes = 0;
        for (uint32_t i = 0; i < 8 && n < V1_N_CUT && bytes < 4; i++) {
            cuts->from[ends][4 * n + bytes++] = (uint8_t)i;
            if (!(ends >> i & 1)) continue;
            cuts->past[ends][++n] = (uint8_t)(i + 1);
            bytes = 0;
        }
    }
}

/* What numbers are read with.  0, PV_ENOMEM. */
static inline int v1_numbers_start(struct v1_merge *m, const struct v1_index *x) {
    if (x->wide_lengths || !__builtin_cpu_supports("ssse3")) return 0;
    m->cuts = aligned_alloc(_Alignof(struct v1_cuts), sizeof *m->cuts);
    if (!m->cuts) return PV_ENOMEM;
    v1_cut_all(m->cuts);
    return 0;
}

/* The numbers of an event whose first byte was head: past them.  NULL: they cannot be read so. */
static inline V1_SHUFFLES const uint8_t *
v1_numbers_at_once(const struct v1_cuts *cuts, const uint8_t *at, uint8_t head,
                   const struct v1_spec *spec, struct v1_event *e, struct v1_first *first) {
    at += head >= 0xc0; /* then their length stands before them */
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)at);
    uint32_t ends = (uint8_t)~_mm_movemask_epi8(bytes);
    uint32_t past = cuts->past[ends][spec->n_cut];
    if (__builtin_expect(past == 0, 0)) return NULL;
    __m128i from = _mm_load_si128((const __m128i *)(const void *)cuts->from[ends]);
    __m128i digits = _mm_load_si128((const __m128i *)(const void *)spec->digits);
    __m128i x = _mm_and_si128(_mm_shuffle_epi8(bytes, from), digits);
    x = _mm_maddubs_epi16(_mm_set1_epi16((int16_t)(128 << 8 | 1)), x);
    x = _mm_madd_epi16(x, _mm_set1_epi32(128 * 128 << 16 | 1));
    uint32_t n[V1_N_CUT + 1] = {0};
    _mm_storeu_si128((__m128i *)(void *)n, x);
    __m128i args = _mm_srli_si128(x, 4), zero = _mm_setzero_si128();
    _mm_storeu_si128((__m128i *)(void *)e->args, _mm_unpacklo_epi32(args, zero));
    _mm_storel_epi64((__m128i *)(void *)&e->args[2], _mm_unpackhi_epi32(args, zero));
    first->dt = (uint32_t)_mm_cvtsi128_si32(x);
    first->arg = (uint32_t)_mm_cvtsi128_si32(args);
    e->stack = n[spec->i_stack];
    return at + past;
}
#else
#define V1_SHUFFLES
static inline int v1_numbers_start(struct v1_merge *m, const struct v1_index *x) {
    (void)m, (void)x;
    return 0;
}
static inline const uint8_t *v1_numbers_at_once(const struct v1_cuts *cuts, const uint8_t *at,
                                                uint8_t head, const struct v1_spec *spec,
                                                struct v1_event *e, struct v1_first *first) {
    (void)cuts, (void)at, (void)head, (void)spec, (void)e, (void)first;
    return NULL;
}
#endif

/* The same of any event. */
static inline const uint8_t *v1_numbers_one_by_one(const uint8_t *at, uint8_t head,
                                                   const struct v1_spec *spec, struct v1_event *e,
                                                   struct v1_first *first) {
    uint64_t skip, stack = 0;
    if (head >= 0xc0) at = uvarint_fast(at, &skip);
    at = uvarint_fast(at, &first->dt);
    e->args[0] = e->args[1] = e->args[2] = 0;
    uint32_t n = spec->n_args - 1u - spec->stack;
    for (uint32_t i = 0; i < n; i++) at = uvarint_fast(at, &e->args[i]);
    if (spec->stack) at = uvarint_fast(at, &stack);
    first->arg = e->args[0];
    e->stack = (uint32_t)stack;
    return at;
}

#endif
