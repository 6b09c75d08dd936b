/* server/src/assets.c - finds a file of the page by its path.
 * The embedded ones come from server/assets.cmake: an assembler file with .incbin, and a list.
 * Files from a folder are for work on the page; they are read anew for each request. */
#include "server/src/assets.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 64 << 20 };

#define X(number, path) extern const unsigned char asset_##number[], asset_end_##number[];
#include "assets.def"
#undef X

static const struct {
    const char *path;
    const unsigned char *data, *end;
} embedded[] = {
#define X(number, path) {path, asset_##number, asset_end_##number},
#include "assets.def"
#undef X
    {NULL, NULL, NULL}};

static const char *type_of(const char *path) {
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".woff2", "font/woff2"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof types / sizeof *types; i++)
        if (strcmp(ending, types[i][0]) == 0) return types[i][1];
    return "application/octet-stream";
}

static unsigned char *read_all(int fd, size_t *n) {
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_FILE_BYTES) return NULL;
    unsigned char *data = malloc((size_t)st.st_size + 1);
    for (*n = 0; data && *n < (size_t)st.st_size;) {
        ssize_t got = read(fd, data + *n, (size_t)st.st_size - *n);
        if (got <= 0) break;
        *n += (size_t)got;
    }
    return data;
}

static int find_on_disk(const char *folder, const char *path, struct asset *out) {
    char name[PATH_MAX];
    if (strstr(path, "..") || strstr(path, "//")) return -1;
    if (snprintf(name, sizeof name, "%s%s", folder, path) >= (int)sizeof name) return -1;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -1;
    out->owned = read_all(fd, &out->n);
    close(fd);
    out->data = out->owned;
    return out->owned ? 0 : -1;
}

int asset_find(const char *folder, const char *path, struct asset *out) {
    if (strcmp(path, "/") == 0) path = "/index.html";
    out->type = type_of(path);
    out->owned = NULL;
    if (folder) return find_on_disk(folder, path, out);
    for (size_t i = 0; embedded[i].path; i++) {
        if (strcmp(embedded[i].path, path) != 0) continue;
        out->data = embedded[i].data;
        out->n = (size_t)(embedded[i].end - embedded[i].data);
        return 0;
    }
    return -1;
}
