/* server/src/assets.h - the page's files: embedded in the program, or from a folder. */
#ifndef PARKVIEW_SERVER_ASSETS_H
#define PARKVIEW_SERVER_ASSETS_H

#include <stddef.h>

struct asset {
    const unsigned char *data;
    size_t n;
    const char *type;     /* media type */
    unsigned char *owned; /* NULL, or data, which the caller frees */
};

/* asset_find - path as in the request ("/" is the page).  folder NULL: the embedded files.
 * 0, or -1 where there is none. */
int asset_find(const char *folder, const char *path, struct asset *out);

#endif
