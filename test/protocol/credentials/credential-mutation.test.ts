import { expect } from 'chai'
import { CREDENTIAL_TIERS } from '../../../protocol/credentials/credential-event.ts'
import { verifyCredential } from '../../../protocol/credentials/credential-verification.ts'
import {
  checkCredential,
  type EvidenceCredential,
  parseCredential,
  serializeCredential,
} from '../../../protocol/credentials/evidence-credential.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { utf8ToBytes } from '../../../protocol/hex.ts'
import { withIntegrity } from '../../../protocol/proof-file.ts'
import { type CredentialChain, startCredentialChain } from './credential-chain.ts'
import { memberEdits } from './member-edits.ts'

/** Why a file is refused by reading or by verifying it; undefined when it is taken. */
async function refusalOf(file: Uint8Array): Promise<string | undefined> {
  let credential: EvidenceCredential
  try {
    credential = parseCredential(file)
  } catch (error) {
    return reasonOf(error)
  }
  return failedCheck(credential)
}

async function failedCheck(credential: EvidenceCredential): Promise<string | undefined> {
  const { verdict, checks } = await verifyCredential(credential)
  return verdict === null ? checks.find(({ outcome }) => outcome === 'failed')!.detail : undefined
}

function reasonOf(error: unknown): string {
  if (!isCountersignError(error)) throw error
  expect(error.message).not.to.equal('')
  return `${error.code}: ${error.message}`
}

const REPLACEMENTS = utf8ToBytes('0a" ')

/** Every file that differs from `bytes` in one byte, replaced, with its case or another bit changed, removed, inserted or doubled. */
function* changedFiles(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    const old = bytes[at]!
    const values = new Set([...REPLACEMENTS, old ^ 0x20, old ^ 0x01, old ^ 0x80])
    values.delete(old)
    for (const value of values) {
      const changed = bytes.slice()
      changed[at] = value
      yield changed
    }
    // A missing line end at the very end is the one liberty that there is.
    if (at < bytes.length - 1) yield splice(bytes, at, at + 1)
    yield splice(bytes, at, at, old)
    yield splice(bytes, at, at, 0x20)
  }
}

function splice(bytes: Uint8Array, from: number, to: number, ...inserted: number[]): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, from), ...inserted, ...bytes.subarray(to)])
}

describe('an altered credential file', () => {
  let chain: CredentialChain
  const files: Record<string, EvidenceCredential> = {}

  before(async () => {
    chain = await startCredentialChain()
    files.pending = chain.pending()
    for (const tier of CREDENTIAL_TIERS)
      files[tier] = (await chain.recorded(tier, [chain.pending(), chain.pending(), chain.pending()]))[1]!
  })
  after(() => chain?.stop())

  for (const kind of ['pending', 'recorded'] as const)
    it(`is refused with a reason, whatever byte of a ${kind} one is changed`, async function () {
      this.timeout(60_000)
      const bytes = utf8ToBytes(serializeCredential(files[kind]!))
      expect(await refusalOf(bytes)).to.equal(undefined)
      let count = 0
      for (const changed of changedFiles(bytes)) {
        count++
        const reason = await refusalOf(changed)
        if (!reason) expect.fail(`taken: ${new TextDecoder().decode(changed)}`)
      }
      expect(count).to.be.above(bytes.length * 8)
    })

  for (const kind of ['pending', ...CREDENTIAL_TIERS])
    it(`is refused with its integrity hash made anew, whatever member of a ${kind} one is edited`, async () => {
      const credential = files[kind]!
      expect(await failedCheck(credential)).to.equal(undefined)
      const { integrity: _integrity, ...content } = credential
      const paths = new Set<string>()
      for (const { path, edited } of memberEdits(content)) {
        const forged = withIntegrity(edited as object)
        let reason: string | undefined
        try {
          reason = await failedCheck(checkCredential(forged))
        } catch (error) {
          reason = reasonOf(error)
        }
        if (path === 'proof[1] removed') expect(reason).to.equal(undefined)
        else expect(reason, path).to.be.a('string')
        paths.add(path.split(' ')[0]!)
      }
      for (const path of ['id', 'credentialSubject.metadata.fields.pages[2].odd', 'proof[0].recordBy'])
        expect([...paths]).to.include(path)
      if (kind !== 'pending') expect([...paths]).to.include('proof[1].event.receiptProof[0]')
    })

  it('without its receipt is pending again, and no more than that', async () => {
    const { integrity: _integrity, ...content } = files.recorded!
    const stripped = withIntegrity({ ...content, proof: [content.proof[0]] }) as EvidenceCredential
    expect((await verifyCredential(stripped)).verdict).to.equal('unconfirmed')
  })
})
