import fc from 'fast-check'
import { CREDENTIAL_TIERS } from '../../../protocol/credentials/credential-event.ts'
import type { VerdictEvidence } from '../../../protocol/credentials/evidence-verdict.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'

/** Few values each, so that they meet. */
const hash = fc.constantFrom(...([1, 2, 3].map((n) => `0x${String(n).repeat(64)}`) as Bytes32[]))
const blockNumber = fc.integer({ min: 0, max: 20 })
const seconds = fc.integer({ min: 0, max: 10 })

export const someEvidence = (change: Partial<VerdictEvidence> = {}): VerdictEvidence => ({
  kept: {
    state: 'kept',
    contentHashNow: `0x${'a'.repeat(64)}`,
    metadataHashNow: `0x${'b'.repeat(64)}`,
    digestNow: `0x${'1'.repeat(64)}`,
  },
  signedDigest: `0x${'1'.repeat(64)}`,
  recorded: { digest: `0x${'1'.repeat(64)}`, blockNumber: 5, tier: 'recorded' },
  revocation: null,
  expiresAt: null,
  now: 1000,
  searchedTo: { blockNumber: 10, timestamp: 1000 },
  finalityDepth: 5,
  ...change,
})

/** Whatever a verification may find. */
export const evidenceArbitrary: fc.Arbitrary<VerdictEvidence> = fc
  .record({
    kept: fc.oneof(
      fc.record({
        state: fc.constant('kept' as const),
        contentHashNow: hash,
        metadataHashNow: hash,
        digestNow: hash,
      }),
      fc.record({ state: fc.constantFrom('missing' as const, 'erased' as const) }),
    ),
    signedDigest: hash,
    recorded: fc.option(fc.record({ digest: hash, blockNumber, tier: fc.constantFrom(...CREDENTIAL_TIERS) })),
    revocation: fc.option(fc.record({ reason: fc.constantFrom('mistake', 'replaced'), blockNumber })),
    expiresAt: fc.option(seconds),
    now: seconds,
    searchedTo: fc.record({ blockNumber, timestamp: seconds }),
    finalityDepth: fc.integer({ min: 0, max: 10 }),
  })
  .map((evidence) => ({
    ...evidence,
    searchedTo: { ...evidence.searchedTo, timestamp: evidence.now },
  }))
