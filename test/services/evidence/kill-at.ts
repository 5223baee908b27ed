/**
 * Loaded into an evidence server before anything of it (`node --import`): kills the process, as `kill -9` does, when the
 * upload under way has come to the point that KILL_AT names. The server itself knows nothing of it.
 */
import { open } from 'node:fs/promises'
import { type IncomingMessage, Server, ServerResponse } from 'node:http'
import { DatabaseSync } from 'node:sqlite'

const point = process.env.KILL_AT
const kill = (): never => {
  process.kill(process.pid, 'SIGKILL')
  // Nothing more happens in this process.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
}

const handle = await open(import.meta.filename)
const fileHandle = Object.getPrototypeOf(handle) as { sync(): Promise<void> }
await handle.close()
const { sync } = fileHandle
let syncs = 0
let isUploading = false
fileHandle.sync = async function (this: typeof fileHandle) {
  // The first file that an upload syncs is the one in the staging folder.
  if (isUploading && point === 'received') kill()
  await sync.call(this)
  if (isUploading && ++syncs === 1 && point === 'staged') kill()
}

const { emit } = Server.prototype
Server.prototype.emit = function (this: Server, event: string, ...parameters: unknown[]) {
  if (event === 'request') isUploading ||= (parameters[0] as IncomingMessage).method === 'POST'
  return emit.apply(this, [event, ...parameters] as never)
}

let hasInserted = false
const { prepare } = DatabaseSync.prototype
DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string) {
  const statement = prepare.call(this, sql)
  const run = statement.run.bind(statement)
  statement.run = ((...parameters: []) => {
    if (sql.startsWith('INSERT INTO evidence ') && point === 'stored') kill()
    const result = run(...parameters)
    if (sql.startsWith('INSERT INTO evidence ')) hasInserted = true
    if (sql === 'COMMIT' && hasInserted && point === 'committed') kill()
    return result
  }) as typeof statement.run
  return statement
}

const { end } = ServerResponse.prototype
ServerResponse.prototype.end = function (this: ServerResponse, ...parameters: unknown[]) {
  if (this.req.method === 'POST' && point === 'answered') this.once('finish', () => setTimeout(kill, 20))
  return end.apply(this, parameters as never)
}
