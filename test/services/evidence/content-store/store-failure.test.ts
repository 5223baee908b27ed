import { unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { expect } from 'chai'
import { storeFailure } from '../../../../services/evidence/content-store/store-failure.ts'
import { createLogger } from '../../../../services/party/logger.ts'

describe('failure of a content store', () => {
  it('says what failed, and nothing of the content, in a log', () => {
    const name = 'cd'.repeat(31)
    let cause: unknown
    try {
      unlinkSync(join(tmpdir(), name))
    } catch (error) {
      cause = error
    }
    expect(String(cause)).to.include(name)
    let log = ''
    const lines = new Writable({
      write(chunk, _encoding, done) {
        log += chunk
        done()
      },
    })
    const err = storeFailure(cause)
    createLogger('evidence', 'info', lines).warn({ err, why: err.cause }, 'a content could not be removed')
    expect(log).to.include('ENOENT').and.include('unlink')
    expect(log).not.to.include(name)
  })
})
