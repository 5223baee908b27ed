import { readdirSync } from 'node:fs'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  checkCredentialDocument,
  checkPresentationDocument,
} from '../../../protocol/credentials/vc-data-model.ts'
import { isCountersignError } from '../../../protocol/errors.ts'
import { readSuiteJson } from '../../support/data-suites.ts'
import { expectError } from '../../support/expect-error.ts'
import { sharedData } from '../../support/shared-data.ts'
import { memberEdits } from './member-edits.ts'
import { someCredential } from './some-credential.ts'

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

  it('is kept by our own credentials, also by the JSON Schema of the data model', function () {
    const suite = sharedData(this, 'suite-w3c-vc', 'schema', 'verifiable-credential')
    const schema = readSuiteJson(path.join(suite, 'verifiable-credential-schema.json'))
    const validate = new Ajv2020({ strict: false }).compile(schema)
    const credential = someCredential()
    checkCredentialDocument(credential)
    expect(validate(credential), JSON.stringify(validate.errors)).to.equal(true)
    expect(validate({ ...credential, issuer: undefined })).to.equal(false)
  })

  it('takes or refuses whatever it is given, and fails on nothing', () => {
    const outcomeOf = (value: unknown): string => {
      for (const checkDocument of [checkCredentialDocument, checkPresentationDocument])
        try {
          checkDocument(value)
        } catch (error) {
          if (!isCountersignError(error, 'CREDENTIAL_INVALID')) throw error
        }
      return 'looked at'
    }
    fc.assert(fc.property(fc.jsonValue(), (value) => outcomeOf(value) === 'looked at'))
    const rich = {
      ...minimal({ issuer: { id: ISSUER, name: { '@value': 'A', '@language': 'en' } } }),
      '@context': [V2, { A: { '@id': 'https://example.org/#A', '@protected': true } }],
      credentialStatus: [{ type: 'A', id: 'https://example.org/a' }],
      relatedResource: [resource],
      validFrom: '2024-01-01T00:00:00Z',
      proof: { type: 'DataIntegrityProof' },
    }
    for (const document of [rich, presented({ holder: ISSUER, verifiableCredential: [rich] })])
      for (const { edited } of memberEdits(document)) outcomeOf(edited)
  })

  const minimal = (change: Record<string, unknown> = {}) => ({
    '@context': ['https://www.w3.org/ns/credentials/v2'],
    type: ['VerifiableCredential'],
    issuer: ISSUER,
    credentialSubject: { id: 'did:example:subject' },
    ...change,
  })
  const presented = (change: Record<string, unknown> = {}) => ({
    '@context': ['https://www.w3.org/ns/credentials/v2'],
    type: 'VerifiablePresentation',
    ...change,
  })
  const V2 = 'https://www.w3.org/ns/credentials/v2'
  const resource = { id: 'https://example.org/a', digestSRI: 'sha384-x' }

  describe('accepts', () => {
    const accepted: Record<string, Record<string, unknown>> = {
      'the least there is': {},
      'a type of a context that would have to be fetched': {
        '@context': [V2, 'https://example.org/context'],
        type: ['VerifiableCredential', 'Fetched'],
      },
      'a type of a context to fetch, when terms without a meaning are said to have none': {
        '@context': [V2, 'https://example.org/context', { '@vocab': null }],
        type: ['VerifiableCredential', 'Fetched'],
      },
      'any type under a vocabulary': {
        '@context': [V2, { '@vocab': 'https://example.org/#' }],
        type: ['VerifiableCredential', 'Anything'],
      },
      'a protected term that is defined the same twice': {
        '@context': [
          V2,
          { '@protected': true, A: 'https://example.org/#A' },
          { A: 'https://example.org/#A' },
        ],
      },
      'a term that is not protected and defined anew': {
        '@context': [V2, { A: 'https://example.org/#A' }, { A: 'https://example.org/#B' }],
      },
      'one moment of validity': {
        validFrom: '2024-02-29T00:00:00Z',
        validUntil: '2024-02-29T01:00:00+01:00',
      },
      'a year past any platform': {
        validFrom: '2024-01-01T00:00:00Z',
        validUntil: '1000000-01-01T00:00:00Z',
      },
      'midnight as the end of a day': { validUntil: '2024-01-01T24:00:00Z' },
      'several of what may be several': {
        credentialSchema: [
          { id: 'https://example.org/a', type: 'JsonSchema' },
          { id: 'https://example.org/b', type: 'JsonSchema' },
        ],
      },
      'related resources': { relatedResource: [resource, { ...resource, id: 'https://example.org/b' }] },
    }
    for (const [what, change] of Object.entries(accepted))
      it(what, () => expect(() => checkCredentialDocument(minimal(change))).not.to.throw())
  })

  describe('refuses', () => {
    const refused: [string, Record<string, unknown>, string][] = [
      ['a context that is a text', { '@context': V2 }, '@context'],
      ['the base context as the second', { '@context': ['https://example.org/a', V2] }, '@context[0]'],
      ['the context of version 1', { '@context': ['https://www.w3.org/2018/credentials/v1'] }, '@context[0]'],
      ['a context that is null', { '@context': [V2, null] }, '@context[1]'],
      ['a context that is a list', { '@context': [V2, []] }, '@context[1]'],
      [
        'a term of the base context defined anew',
        { '@context': [V2, { name: 'https://x.example/' }] },
        '@context[1]',
      ],
      ['an empty list of types', { type: [] }, 'type'],
      ['a type that is a number', { type: ['VerifiableCredential', 7] }, 'type[1]'],
      ['a type that nothing defines', { type: ['VerifiableCredential', 'Nowhere'] }, 'type[1]'],
      ['an issuer that is a list', { issuer: [ISSUER] }, 'issuer'],
      ['an issuer without an id', { issuer: { name: 'A' } }, 'issuer.id'],
      ['a subject that claims nothing', { credentialSubject: {} }, 'credentialSubject'],
      ['no subject among several', { credentialSubject: [] }, 'credentialSubject'],
      ['a subject that is a text', { credentialSubject: 'did:example:subject' }, 'credentialSubject'],
      ['a subject of an unknown type', { credentialSubject: { type: 'Nowhere' } }, 'credentialSubject.type'],
      ['a status of an unknown type', { credentialStatus: { type: 'Nowhere' } }, 'credentialStatus.type'],
      ['a day without a time', { validFrom: '2024-01-01' }, 'validFrom'],
      ['a time without a zone', { validFrom: '2024-01-01T00:00:00' }, 'validFrom'],
      ['a day that is not', { validFrom: '2023-02-29T00:00:00Z' }, 'validFrom'],
      ['an hour that is not', { validUntil: '2023-02-28T25:00:00Z' }, 'validUntil'],
      [
        'times in the wrong order',
        { validFrom: '2024-01-01T00:00:00Z', validUntil: '2023-12-31T23:59:59Z' },
        'validUntil',
      ],
      ['a time that is a number', { validFrom: 1_700_000_000 }, 'validFrom'],
      ['a schema that is a text', { credentialSchema: 'https://example.org/a' }, 'credentialSchema'],
      ['an empty list of proofs', { proof: [] }, 'proof'],
      ['a name that is a number', { name: 7 }, 'name'],
      ['a name in no language', { name: { '@value': 'A', '@language': 'not a language' } }, 'name.@language'],
      ['a name in no direction', { name: { '@value': 'A', '@direction': 'up' } }, 'name.@direction'],
      [
        'a related resource without a digest',
        { relatedResource: { id: 'https://example.org/a' } },
        'relatedResource',
      ],
      ['a related resource twice', { relatedResource: [resource, resource] }, 'relatedResource[1].id'],
    ]
    for (const [what, change, member] of refused)
      it(what, () => expect(memberOf(() => checkCredentialDocument(minimal(change)))).to.equal(member))

    for (const value of [null, undefined, 7, 'text', [], [minimal()]])
      it(`${JSON.stringify(value)?.slice(0, 20)} as a document`, () => {
        expect(memberOf(() => checkCredentialDocument(value))).to.equal('document')
        expect(memberOf(() => checkPresentationDocument(value))).to.equal('document')
      })

    it('a context nested past what can be written canonically', () => {
      let deep: unknown = 'https://example.org/#A'
      for (let i = 0; i < 5000; i++) deep = { '@context': deep }
      expect(memberOf(() => checkCredentialDocument(minimal({ '@context': [V2, { A: deep }] })))).to.equal(
        '@context[1]',
      )
    })

    it('without quoting what it refuses', () => {
      for (const change of [
        { issuer: 'topsecret' },
        { id: 'top secret' },
        { type: ['VerifiableCredential', 'topsecret'] },
      ]) {
        const error = expectError(() => checkCredentialDocument(minimal(change)), 'CREDENTIAL_INVALID')
        expect(error.message).not.to.match(/top ?secret/)
      }
    })
  })

  describe('of a presentation', () => {
    const envelope = {
      '@context': V2,
      id: 'data:application/vc+jwt,eyJ',
      type: 'EnvelopedVerifiableCredential',
    }

    it('takes credentials as they are, in an envelope, or none', () => {
      for (const change of [
        {},
        { verifiableCredential: minimal() },
        { verifiableCredential: [minimal(), envelope] },
        { holder: { id: 'did:example:holder' } },
      ])
        checkPresentationDocument(presented(change))
    })

    const refused: [string, Record<string, unknown>, string][] = [
      ['an empty list of credentials', { verifiableCredential: [] }, 'verifiableCredential'],
      [
        'a credential that is none',
        { verifiableCredential: [minimal({ issuer: 7 })] },
        'verifiableCredential[0]',
      ],
      [
        'an envelope without data',
        { verifiableCredential: { ...envelope, id: 'https://x.example/' } },
        'verifiableCredential.id',
      ],
      [
        'an envelope of another version',
        { verifiableCredential: { ...envelope, '@context': 'x' } },
        'verifiableCredential.@context',
      ],
      ['a presentation in a presentation', { verifiableCredential: presented() }, 'verifiableCredential'],
      ['a proof without a type', { proof: {} }, 'proof.type'],
      ['an id that is no URL', { id: 'x' }, 'id'],
    ]
    for (const [what, change, member] of refused)
      it(`refuses ${what}`, () =>
        expect(memberOf(() => checkPresentationDocument(presented(change)))).to.equal(member))
  })
})

const memberOf = (action: () => void): unknown => expectError(action, 'CREDENTIAL_INVALID').details.member
