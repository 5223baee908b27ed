import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { Serial } from '../../protocol/serial.ts'

/** Lets a content through, and fails instead of ending when it was not the one of that hash. */
export function checkedContent(contentHash: Bytes32, credentialId: Serial): Transform {
  const hash = createHash('sha256')
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
    flush(done) {
      const isSame = `0x${hash.digest('hex')}` === contentHash
      done(
        isSame
          ? null
          : new CountersignError('EVIDENCE_LOST', `the content of ${credentialId} is not what was handed in`),
      )
    },
  })
}
