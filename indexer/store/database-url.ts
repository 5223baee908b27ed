/** Whether a database is a server's, by its URL; otherwise it is the path of an SQLite file. */
export const isPostgres = (database: string): boolean => /^postgres(ql)?:\/\//.test(database)
