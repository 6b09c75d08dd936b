// sql-manual.d.ts - what build.mjs makes of storage/SQL.md.
declare module "sql-manual" {
  export const questions: { title: string; sql: string }[];
  export const functions: { call: string; meaning: string }[];
}
