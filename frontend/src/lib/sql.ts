// lib/sql.ts - text inside a question in SQL.

/** A text as SQL writes it, quotes and all. */
export const sqlText = (s: string): string => `'${s.replaceAll("'", "''")}'`;
