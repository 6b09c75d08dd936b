/* server/src/req_traces.c - what is open, what can be opened: the start page's lists.
 * Samples stand beside the program: ../samples of a build, ../share/parkview/samples installed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/src/json.h"
#include "server/src/requests.h"

enum { MAX_SAMPLES_JSON = 64 << 10, MAX_RECENT = 20 };

/* The folder of samples, and samples.json from it; NULL where there is none. */
static cJSON *read_samples(char folder[PATH_MAX]) {
    static const char *const places[] = {"/../samples", "/../share/parkview/samples"};
    char exe[PATH_MAX], path[PATH_MAX + 64], text[MAX_SAMPLES_JSON];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) return NULL;
    exe[n] = 0;
    *strrchr(exe, '/') = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if ((size_t)snprintf(folder, PATH_MAX, "%s%s", exe, places[i]) >= PATH_MAX) continue;
        snprintf(path, sizeof path, "%s/samples.json", folder);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        n = read(fd, text, sizeof text);
        close(fd);
        cJSON *list = n > 0 ? cJSON_ParseWithLength(text, (size_t)n) : NULL;
        if (cJSON_IsArray(list)) return list;
        cJSON_Delete(list);
    }
    return NULL;
}

static cJSON *samples_json(void) {
    static const char *const keys[] = {"name", "title", "text", "kind"};
    char folder[PATH_MAX];
    cJSON *out = cJSON_CreateArray(), *list = read_samples(folder), *item;
    cJSON_ArrayForEach(item, list) {
        cJSON *o = cJSON_CreateObject();
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            const char *v = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, keys[i]));
            cJSON_AddStringToObject(o, keys[i], v ? v : "");
        }
        cJSON_AddItemToArray(out, o);
    }
    cJSON_Delete(list);
    return out;
}

static cJSON *recent_json(void) {
    struct cache_entry *entries;
    struct fault ignored;
    size_t n;
    cJSON *out = cJSON_CreateArray();
    if (cache_list(&entries, &n, &ignored) < 0) return out; /* no cache: nothing is recent */
    for (size_t i = 0; i < n && i < MAX_RECENT; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", entries[i].name);
        json_add_int(o, "bytes", (int64_t)entries[i].bytes);
        json_add_int(o, "when_unix", entries[i].used_unix);
        cJSON_AddStringToObject(o, "store", entries[i].file_name);
        cJSON_AddItemToArray(out, o);
    }
    free(entries);
    return out;
}

int req_traces(struct server *s, uint64_t client, const cJSON *request, cJSON **ok,
               struct fault *f) {
    (void)client;
    (void)request;
    (void)f;
    *ok = cJSON_CreateObject();
    cJSON *traces = cJSON_AddArrayToObject(*ok, "traces");
    struct trace *t;
    for (int i = 0; (t = trace_get(s, i)); i++) cJSON_AddItemToArray(traces, trace_json(t));
    cJSON_AddItemToObject(*ok, "recent", recent_json());
    cJSON_AddItemToObject(*ok, "samples", samples_json());
    return 0;
}

/* The number of the trace that shows this file or store already, or -1. */
static int already_open(struct server *s, const char *path) {
    struct trace *t;
    for (int i = 0; (t = trace_get(s, i)); i++) {
        pthread_mutex_lock(&t->lock);
        bool same = t->state != TRACE_FAILED &&
                    (strcmp(t->file, path) == 0 || strcmp(t->store_path, path) == 0);
        pthread_mutex_unlock(&t->lock);
        if (same) return i;
    }
    return -1;
}

static int add(struct server *s, const char *file, const struct trace_options *o, cJSON **ok,
               struct fault *f) {
    int number = already_open(s, file);
    if (number >= 0) {
        if (o->slot) cache_release(o->slot);
    } else {
        struct trace *t = trace_add(s, file, o);
        if (!t) return fault_set(f, PV_ELIMIT, -1, "no more than %d traces", (int)MAX_TRACES);
        number = t->number;
    }
    *ok = cJSON_CreateObject();
    json_add_int(*ok, "trace", number);
    return 0;
}

static int open_sample(struct server *s, const char *name, cJSON **ok, struct fault *f) {
    char folder[PATH_MAX], path[PATH_MAX] = "";
    cJSON *list = read_samples(folder), *item;
    cJSON_ArrayForEach(item, list) {
        const char *n = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
        const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "file"));
        if (!n || !file || strcmp(n, name) != 0) continue;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, file) >= sizeof path) path[0] = 0;
        break;
    }
    cJSON_Delete(list);
    if (!path[0]) return fault_set(f, PV_EUSAGE, -1, "there is no sample '%s'", name);
    return add(s, path, &(struct trace_options){0}, ok, f);
}

static int open_recent(struct server *s, const char *file_name, cJSON **ok, struct fault *f) {
    struct cache_slot slot;
    struct cache_entry *entries;
    size_t n;
    char name[NAME_MAX + 1] = "";
    TRY(cache_list(&entries, &n, f));
    for (size_t i = 0; i < n; i++)
        if (strcmp(entries[i].file_name, file_name) == 0)
            memcpy(name, entries[i].name, sizeof name);
    free(entries);
    int rc = name[0] ? cache_keep(file_name, &slot, f) : 0;
    if (rc < 0) return rc;
    if (rc == 0) return fault_set(f, PV_EUSAGE, -1, "that store is no longer in the cache");
    return add(s, slot.store, &(struct trace_options){.name = name, .slot = &slot}, ok, f);
}

int req_open(struct server *s, uint64_t client, const cJSON *request, cJSON **ok, struct fault *f) {
    (void)client;
    const char *name;
    if (arg_has(request, "sample")) {
        TRY(arg_text(request, "sample", &name, f));
        return open_sample(s, name, ok, f);
    }
    TRY(arg_text(request, "recent", &name, f));
    return open_recent(s, name, ok, f);
}

int req_stop(struct server *s, uint64_t client, const cJSON *request, cJSON **ok, struct fault *f) {
    (void)client;
    int64_t number;
    TRY(arg_int(request, "trace", 0, MAX_TRACES, &number, f));
    struct trace *t = trace_get(s, (int)number);
    if (!t) return fault_set(f, PV_EUSAGE, -1, "there is no trace %d", (int)number);
    trace_stop(t);
    *ok = cJSON_CreateObject();
    return 0;
}
