import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { CountersignError } from '../../../protocol/errors.ts'
import type { SqlWriter } from '../sql/engine.ts'
import { Turns } from '../sql/turns.ts'
import { clientConfig, type PostgresDatabase } from './connection.ts'
import { Pipeline } from './pipeline.ts'
import { createPostgresWriter } from './postgres-writer.ts'
import { isConnectionError, toStoreError } from './store-error.ts'

/** At the start a predecessor that was killed may not be gone yet. */
const FIRST_LOCK_MS = 3_000
const LOCK_PAUSE_MS = 50
/** A server that does not answer for so long is taken for gone. Dropping a large chain takes minutes. */
const STATEMENT_MS = 600_000
const MAX_RECONNECT_PAUSE_MS = 1_000
/** First half of the advisory lock's key: of this program. The second is the schema's. */
const LOCK_CLASS = 0x63737467

interface Session {
  client: pg.Client
  pipeline: Pipeline
  writer: SqlWriter
}

/**
 * The one connection that writes. It holds the advisory lock of its schema as long as it lives, so a process that lost the
 * lock has no connection to write on either. When the connection breaks it is made anew, and the lock taken again.
 */
export class WriterSession {
  readonly #database: PostgresDatabase
  readonly #turns = new Turns()
  /** After the connection was made anew: somebody else may have written meanwhile. */
  onRenewed: () => void = () => {}
  #session: Session | undefined
  #isClosed = false
  #reconnecting: Promise<void> | undefined

  private constructor(database: PostgresDatabase) {
    this.#database = database
  }

  /**
   * @param prepare brings the schema up to date, with the lock held
   * @throws INDEX_DATABASE_LOCKED when another process holds the lock
   */
  static async open(
    database: PostgresDatabase,
    prepare: (client: pg.Client) => Promise<void>,
  ): Promise<WriterSession> {
    const session = new WriterSession(database)
    const client = await session.#connect(FIRST_LOCK_MS)
    try {
      await prepare(client)
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
    session.#adopt(client)
    return session
  }

  /**
   * One transaction. Where the connection breaks while it is committed, nobody knows whether it was: whoever asks has to look.
   * @throws STORE_UNAVAILABLE, STORE_FULL, STORE_READ_ONLY, and what `work` throws
   */
  transaction<Result>(work: (writer: SqlWriter) => Promise<Result>): Promise<Result> {
    return this.#turns.take(async () => {
      if (this.#isClosed) throw new CountersignError('STORE_UNAVAILABLE', 'the store is closed')
      try {
        this.#session ??= await this.#renew()
      } catch (error) {
        this.#reconnect()
        throw toStoreError(error)
      }
      const session = this.#session
      try {
        session.pipeline.begin()
        const result = await work(session.writer)
        await session.pipeline.commit()
        return result
      } catch (error) {
        if (isConnectionError(error)) this.#lose(session)
        else await session.pipeline.rollback().catch(() => this.#lose(session))
        throw toStoreError(error)
      }
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#turns.idle()
    await this.#reconnecting
    await this.#session?.client.end().catch(() => {})
    this.#session = undefined
  }

  async #connect(lockWithinMs: number): Promise<pg.Client> {
    const client = new pg.Client({ ...clientConfig(this.#database), query_timeout: STATEMENT_MS })
    // Without a listener the process would end; the query that is running is told as well.
    client.on('error', () => {})
    try {
      await client.connect()
      await checkServer(client, this.#database)
      await this.#takeLock(client, lockWithinMs)
      return client
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
  }

  async #renew(): Promise<Session> {
    const session = this.#adopt(await this.#connect(0))
    this.onRenewed()
    return session
  }

  #adopt(client: pg.Client): Session {
    const pipeline = new Pipeline(client)
    const session = { client, pipeline, writer: createPostgresWriter(client, pipeline) }
    const lose = () => this.#lose(session)
    client.on('error', lose)
    client.on('end', lose)
    this.#session = session
    return session
  }

  async #takeLock(client: pg.Client, withinMs: number): Promise<void> {
    const { schema, name } = this.#database
    const deadline = Date.now() + withinMs
    for (;;) {
      const { rows } = await client.query('SELECT pg_try_advisory_lock($1, hashtext($2)) AS taken', [
        LOCK_CLASS,
        schema,
      ])
      if (rows[0].taken === true) return
      if (Date.now() >= deadline) break
      await sleep(LOCK_PAUSE_MS)
    }
    // Once it runs, this process waits for its turn: the other may be what is left of its own broken connection.
    throw withinMs === 0
      ? new CountersignError('STORE_UNAVAILABLE', `another session holds the lock of ${name}`)
      : new CountersignError('INDEX_DATABASE_LOCKED', `another process writes to ${name}`)
  }

  #lose(session: Session): void {
    if (this.#session !== session) return
    this.#session = undefined
    void session.client.end().catch(() => {})
    this.#reconnect()
  }

  /** Without waiting for the next write: until then somebody else could take the lock. */
  #reconnect(): void {
    if (this.#isClosed) return
    this.#reconnecting ??= this.#tryToReconnect().finally(() => {
      this.#reconnecting = undefined
    })
  }

  async #tryToReconnect(): Promise<void> {
    for (let pause = LOCK_PAUSE_MS; !this.#isClosed; pause = Math.min(2 * pause, MAX_RECONNECT_PAUSE_MS)) {
      await sleep(pause, undefined, { ref: false })
      const isDone = await this.#turns.take(async () => {
        if (this.#isClosed || this.#session !== undefined) return true
        return this.#renew().then(
          () => true,
          () => false,
        )
      })
      if (isDone) return
    }
  }
}

async function checkServer(client: pg.Client, { name }: PostgresDatabase): Promise<void> {
  const { rows } = await client.query(
    `SELECT pg_is_in_recovery() AS "isReplica", current_setting('server_encoding') AS encoding,
       current_setting('synchronous_commit') AS durability`,
  )
  const { isReplica, encoding, durability } = rows[0]
  if (isReplica) throw new CountersignError('STORE_READ_ONLY', `${name} is a replica, which takes no writes`)
  if (encoding !== 'UTF8')
    throw new CountersignError('INDEX_DATABASE_UNREADABLE', `${name} is in ${encoding}; it has to be in UTF8`)
  // What is stricter stays. Weaker would lose commits in a power cut that were acknowledged.
  if (durability === 'off' || durability === 'local') await client.query('SET synchronous_commit = on')
}
