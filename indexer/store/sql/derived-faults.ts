import type { DerivedFault } from '../store.ts'
import type { SqlEngine } from './engine.ts'
import { findTotalFaults } from './total-faults.ts'

/** What rows do not bear out of what was made of them, as of one moment. */
export async function* findDerivedFaults(engine: SqlEngine): AsyncGenerator<DerivedFault> {
  const snapshot = await engine.snapshot()
  try {
    yield* findTotalFaults(snapshot)
    for (const { table, sql, reason } of engine.keyFaults ?? [])
      for await (const [chainId, block, logIndex, entryIndex] of snapshot.iterate(sql))
        yield { table, row: `chain ${chainId}, block ${block}, log ${logIndex}, entry ${entryIndex}`, reason }
  } finally {
    await snapshot.close()
  }
}
