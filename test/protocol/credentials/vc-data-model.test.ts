import { readdirSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import {
  checkCredentialDocument,
  checkPresentationDocument,
} from '../../../protocol/credentials/vc-data-model.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { readSuiteJson } from '../../support/data-suites.ts'
import { sharedData } from '../../support/shared-data.ts'

const ISSUER = 'did:example:issuer'

/** The suite's inputs are what an implementation is asked to issue: it adds the issuer, and the suite itself the times. */
function issued(input: Record<string, unknown>): Record<string, unknown> {
  const isFilled = Object.hasOwn(input, 'issuer')
  const issuer = input.issuer as { id?: unknown } | null
  const isObjectWithoutId = isFilled && typeof issuer === 'object' && issuer !== null && !('id' in issuer)
  return {
    ...input,
    ...(isFilled ? {} : { issuer: ISSUER }),
    ...(isObjectWithoutId ? { issuer: { ...issuer, id: ISSUER } } : {}),
    ...(input.validFrom === 'PAST DATE' ? { validFrom: '2020-01-01T00:00:00Z' } : {}),
    ...(input.validUntil === 'FUTURE DATE' ? { validUntil: '2120-01-01T00:00:00Z' } : {}),
  }
}

const isCredential = (name: string) => !path.basename(name).startsWith('presentation')
const check = (name: string, document: Record<string, unknown>) =>
  isCredential(name) ? checkCredentialDocument(issued(document)) : checkPresentationDocument(document)

/** Of each input that is refused, the member that is named as wrong. */
const REFUSED: Record<string, string> = {
  'credential-context-combo3-fail.json': '@context[1]',
  'credential-context-combo4-fail.json': '@context[1]',
  'credential-id-nonidentifier-fail.json': 'id',
  'credential-id-not-url-fail.json': 'id',
  'credential-id-subject-multi-fail.json': 'credentialSubject.id',
  'credential-issuer-no-url-fail.json': 'issuer',
  'credential-issuer-null-fail.json': 'issuer',
  'credential-issuer-object-id-null-fail.json': 'issuer.id',
  'credential-missing-required-type-fail.json': 'type',
  'credential-no-context-fail-or-inject.json': '@context',
  'credential-no-subject-fail.json': 'credentialSubject',
  'credential-no-type-fail.json': 'type',
  'credential-proof-missing-type-fail.json': 'proof.type',
  'credential-redef-type-fail.json': '@context[1]',
  'credential-redef-type2-fail.json': '@context[2]',
  'credential-schema-no-id-fail.json': 'credentialSchema.id',
  'credential-schema-no-type-fail.json': 'credentialSchema.type',
  'credential-status-missing-type-fail.json': 'credentialStatus.type',
  'credential-status-nonurl-id-fail.json': 'credentialStatus.id',
  'credential-subject-multiple-empty-fail.json': 'credentialSubject[1]',
  'credential-termsofuse-missing-type-fail.json': 'termsOfUse.type',
  'credential-type-unmapped-fail.json': 'type[1]',
  'names-and-descriptions/credential-description-extra-prop-en-fail.json': 'description',
  'names-and-descriptions/issuer-description-extra-prop-en-fail.json': 'issuer.description',
  'presentation-enveloped-vc-missing-type-fail.json': 'verifiableCredential[0]',
  'presentation-holder-name-fail.json': 'holder.id',
  'presentation-holder-object-fail.json': 'holder.id',
  'presentation-missing-required-type-fail.json': 'type',
  'presentation-no-type-fail.json': 'type',
  'presentation-vc-as-string-fail.json': 'verifiableCredential[0]',
}

/** What the check says: the member it refuses, or undefined. */
function refusedMember(name: string, document: Record<string, unknown>): unknown {
  try {
    check(name, document)
    return undefined
  } catch (error) {
    if (!isCountersignError(error, 'CREDENTIAL_INVALID')) throw error
    return error.details.member
  }
}

describe('the W3C Verifiable Credentials Data Model 2.0', () => {
  describe('by the W3C test suite', () => {
    const inputs = (suite: string): string[] =>
      readdirSync(suite, { recursive: true })
        .map(String)
        .filter((name) => name.endsWith('.json'))

    it('accepts every input that is to be accepted', function () {
      const suite = sharedData(this, 'suite-w3c-vc', 'v2-test-suite')
      const names = inputs(suite).filter((name) => name.endsWith('-ok.json'))
      expect(names).to.have.length(48)
      for (const name of names)
        expect(refusedMember(name, readSuiteJson(path.join(suite, name))), name).to.equal(undefined)
    })

    it('refuses every input that is to be refused, for what is wrong with it', function () {
      const suite = sharedData(this, 'suite-w3c-vc', 'v2-test-suite')
      const names = inputs(suite).filter((name) => name.includes('-fail'))
      expect(names.sort()).to.deep.equal(Object.keys(REFUSED).sort())
      for (const name of names)
        expect(refusedMember(name, readSuiteJson(path.join(suite, name))), name).to.equal(REFUSED[name])
    })

    it('accepts the examples of the data model', function () {
      const suite = sharedData(this, 'suite-w3c-vc', 'schema')
      const examples = inputs(suite).filter((name) => path.basename(name).startsWith('example-'))
      expect(examples).to.have.length(12)
      for (const name of examples) {
        const document = readSuiteJson(path.join(suite, name))
        const checkDocument = name.includes('presentation')
          ? checkPresentationDocument
          : checkCredentialDocument
        expect(() => checkDocument(document), name).not.to.throw()
      }
    })
  })
})
