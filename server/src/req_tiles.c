/* server/src/req_tiles.c - tiles: pictures of lanes, as typed arrays.
 * Layout      PROTOCOL.md, "Tiles"; written little-endian, which is the order of every machine
 *             that this is built for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/shapes.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tiles are copied as they are");

enum {
    MAX_LANES = 1024,
    MAX_TILES = 64,       /* of each lane */
    MAX_BYTES = 32 << 20, /* of one answer */
    MESSAGE_HEADER = 8,
    RECORD_HEADER = 32,
    BYTES_OF_SOLID = 8 + 8 + 8 + 4 + 2,
    BYTES_OF_PART = 4 + 2 + 2,
    GROWS = 1 /* flag */
};

struct picture { /* the message while it grows */
    struct message *message;
    size_t cap;
};

static unsigned char *reserve(struct picture *p, size_t n, struct fault *f) {
    size_t used = p->message ? p->message->n : 0;
    if (n > MAX_BYTES || used + n > MAX_BYTES) {
        fault_set(f, PV_ELIMIT, -1, "these tiles are more than %d MB; ask for fewer lanes",
                  MAX_BYTES >> 20);
        return NULL;
    }
    if (used + n > p->cap) {
        size_t cap = (used + n) * 2;
        struct message *grown = realloc(p->message, sizeof *grown + LWS_PRE + cap);
        if (!grown) {
            fault_set(f, PV_ENOMEM, -1, "out of memory");
            return NULL;
        }
        if (!p->message) *grown = (struct message){.binary = true};
        p->message = grown;
        p->cap = cap;
    }
    p->message->n += n;
    return message_data(p->message) + used;
}

static unsigned char *put(unsigned char *at, const void *value, size_t n) {
    memcpy(at, value, n);
    return at + n;
}

static unsigned char *put_solids(unsigned char *at, const struct tile *t) {
    const struct tile_solid *s = t->solids;
    uint32_t n = t->n_solids;
    double *column = (double *)(void *)at; /* a record is 8-byte aligned */
    for (uint32_t i = 0; i < n; i++) {
        column[i] = (double)s[i].start_ns;
        column[n + i] = (double)s[i].dur_ns;
        column[2 * n + i] = (double)s[i].who;
    }
    at += (size_t)n * 24;
    for (uint32_t i = 0; i < n; i++) at = put(at, &s[i].group, 4);
    return at;
}

static void put_rest(unsigned char *at, unsigned char *end, const struct tile *t) {
    for (uint32_t i = 0; i < t->n_parts; i++) at = put(at, &t->parts[i].cover, 4);
    for (uint32_t i = 0; i < t->n_solids; i++) at = put(at, &t->solids[i].tag, 2);
    for (uint32_t i = 0; i < t->n_parts; i++) at = put(at, &t->parts[i].bucket, 2);
    for (uint32_t i = 0; i < t->n_parts; i++) at = put(at, &t->parts[i].tag, 2);
    memset(at, 0, (size_t)(end - at));
}

static int add_tile(struct picture *p, uint32_t i_lane, int level, int64_t index,
                    const struct tile *t, uint32_t flags, struct fault *f) {
    size_t n =
        RECORD_HEADER + (size_t)t->n_solids * BYTES_OF_SOLID + (size_t)t->n_parts * BYTES_OF_PART;
    n = (n + 7) & ~(size_t)7;
    unsigned char *at = reserve(p, n, f);
    if (!at) return f->code;
    double d = (double)index;
    const uint32_t first[] = {i_lane, (uint32_t)level},
                   second[] = {t->n_solids, t->n_parts, flags, (uint32_t)n};
    unsigned char *end = at + n;
    at = put(put(put(at, first, sizeof first), &d, 8), second, sizeof second);
    put_rest(put_solids(at, t), end, t);
    return 0;
}

int lane_parse(const char *text, struct lane *out) {
    static const struct {
        char letter;
        enum lane_kind kind;
    } kinds[] = {{'P', LANE_P}, {'G', LANE_G}, {'M', LANE_M}, {'F', LANE_GROUP}};
    if (strcmp(text, "ALL") == 0) {
        *out = (struct lane){LANE_ALL, 0};
        return 0;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (text[0] != kinds[i].letter) continue;
        char *end;
        if (text[1] != '-' && (text[1] < '0' || text[1] > '9')) return -1;
        *out = (struct lane){kinds[i].kind, strtoll(text + 1, &end, 10)};
        return *end ? -1 : 0;
    }
    return -1;
}

static int read_lane(const cJSON *item, struct lane *out, struct fault *f) {
    const char *text = cJSON_GetStringValue(item);
    if (text && lane_parse(text, out) == 0) return 0;
    return fault_set(f, PV_EUSAGE, -1, "a lane is P0, G17, M3059, F2 or ALL");
}

static int add_lane(struct job *j, struct picture *p, const cJSON *item, uint32_t i_lane, int level,
                    int64_t from, int64_t to, struct fault *f) {
    const struct store_info *info = store_info(j->store);
    struct lane lane;
    TRY(read_lane(item, &lane, f));
    for (int64_t index = from; index < to; index++) {
        struct tile t;
        TRY(job_canceled(j, f));
        TRY(store_tile(j->store, lane, level, index, &t, f));
        int64_t end = (index + 1) << level; /* in tiles of level 0 */
        bool grows = !info->complete && end > info->duration_ns / TILE_BUCKETS;
        TRY(add_tile(p, i_lane, level, index, &t, grows ? GROWS : 0, f));
    }
    return 0;
}

int req_tiles(struct job *j, struct answer *a, struct fault *f) {
    struct picture p = {0};
    int64_t level, from, to;
    TRY(arg_int(j->request, "level", 0, TILE_MAX_LEVEL, &level, f));
    int64_t last = (INT64_C(1) << 52) >> level;
    TRY(arg_int(j->request, "from", 0, last, &from, f));
    TRY(arg_int(j->request, "to", from, from + MAX_TILES, &to, f));
    const cJSON *lanes = cJSON_GetObjectItemCaseSensitive(j->request, "lanes"), *item;
    if (!cJSON_IsArray(lanes)) return fault_set(f, PV_EUSAGE, -1, "'lanes' must be a list");
    if (cJSON_GetArraySize(lanes) > MAX_LANES)
        return fault_set(f, PV_ELIMIT, -1, "no more than %d lanes in a request", (int)MAX_LANES);
    uint32_t n_lanes = 0;
    int rc = reserve(&p, MESSAGE_HEADER, f) ? 0 : f->code;
    cJSON_ArrayForEach(item, lanes) {
        if (rc == 0) rc = add_lane(j, &p, item, n_lanes++, (int)level, from, to, f);
    }
    if (rc < 0) {
        free(p.message);
        return rc;
    }
    uint32_t header[] = {j->id, n_lanes * (uint32_t)(to - from)};
    memcpy(message_data(p.message), header, sizeof header);
    p.message->client = j->client;
    a->binary = p.message;
    return 0;
}
