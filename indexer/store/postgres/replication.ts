import type { SqlReader } from '../sql/engine.ts'
import type { ReplicationLag } from '../store.ts'

// What has arrived and is replayed already is no lag, as long as something may still arrive. Without a connection to the
// primary, nobody knows what is missing: then the age of the last transaction is all there is.
const LAG = `
  SELECT CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END,
    CASE
      WHEN NOT pg_is_in_recovery() THEN NULL
      WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
        AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE pid IS NOT NULL) THEN 0
      ELSE EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
    END`

export async function readReplicationLag(reader: SqlReader): Promise<ReplicationLag> {
  const [row] = await reader.query(LAG)
  const [isReplica, seconds] = row as [number, number | null]
  return { isReplica: isReplica === 1, seconds: seconds === null ? null : Math.max(seconds, 0) }
}
