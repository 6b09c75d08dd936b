/* storage/src/store_file.h - how a store is known from other SQLite files. */
#ifndef PARKVIEW_STORAGE_STORE_FILE_H
#define PARKVIEW_STORAGE_STORE_FILE_H

/* "PvSt", in the header of the database (PRAGMA application_id); PRAGMA user_version is
 * STORE_FORMAT of storage/store.h. */
enum { STORE_APPLICATION_ID = 0x50765374 };

#endif
