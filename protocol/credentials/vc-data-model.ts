import { VC_CONTEXT } from './credential-context.ts'
import { readContext, readTypes, type Terms } from './vc-terms.ts'
import {
  checkId,
  checkTexts,
  dateTimeStamp,
  documentInvalid,
  isAbsoluteUrl,
  isJsonObject,
  type JsonObject,
  oneOrMany,
} from './vc-values.ts'

/** Members whose objects say of which type they are (data model, sections 4.7 to 5.6), and what else each has to have. */
const TYPED_MEMBERS: Record<string, readonly string[]> = {
  credentialStatus: [],
  credentialSchema: ['id'],
  refreshService: [],
  termsOfUse: [],
  evidence: [],
  proof: [],
}

/**
 * Checks any document against the rules of the W3C Verifiable Credentials Data Model 2.0 for a credential, as far as that goes without
 * a network: a type that no context at hand defines is refused only where no context would have to be fetched.
 * It says nothing of who made the document.
 * @throws CREDENTIAL_INVALID naming the member and the rule
 */
export function checkCredentialDocument(value: unknown): void {
  checkCredentialAt(value, '')
}

/** The same for a presentation, and each credential in it. @throws CREDENTIAL_INVALID naming the member and the rule */
export function checkPresentationDocument(value: unknown): void {
  const { document, terms } = readDocument(value, 'VerifiablePresentation')
  if (Object.hasOwn(document, 'holder')) checkParty(document.holder, 'holder')
  for (const member of ['termsOfUse', 'proof']) checkTyped(document, member, terms)
  if (!Object.hasOwn(document, 'verifiableCredential')) return
  for (const { item, at } of oneOrMany(document.verifiableCredential, 'verifiableCredential'))
    if (isEnveloped(item)) checkEnveloped(item, at)
    else checkCredentialAt(item, at)
}

function checkCredentialAt(value: unknown, at: string): void {
  try {
    checkCredential(value)
  } catch (error) {
    if (at === '') throw error
    throw documentInvalid(at, `is not a credential: ${(error as Error).message}`)
  }
}

function checkCredential(value: unknown): void {
  const { document, terms } = readDocument(value, 'VerifiableCredential')
  if (!Object.hasOwn(document, 'issuer')) throw documentInvalid('issuer', 'is missing')
  checkParty(document.issuer, 'issuer')
  checkSubjects(document, terms)
  checkTexts(document, '')
  const times = ['validFrom', 'validUntil'].map((member) =>
    Object.hasOwn(document, member) ? dateTimeStamp(document[member], member) : undefined,
  )
  if (times[0] !== undefined && times[1] !== undefined && times[1] < times[0])
    throw documentInvalid('validUntil', 'lies before validFrom')
  for (const member of Object.keys(TYPED_MEMBERS)) checkTyped(document, member, terms)
  checkRelatedResources(document)
}

function readDocument(value: unknown, type: string): { document: JsonObject; terms: Terms } {
  if (!isJsonObject(value)) throw documentInvalid('document', 'is not a JSON object')
  const terms = readContext(value)
  checkId(value, '')
  if (!readTypes(value, terms, '').includes(type)) throw documentInvalid('type', `does not name ${type}`)
  return { document: value, terms }
}

/** An issuer or a holder: a URL, or an object whose `id` is one. */
function checkParty(party: unknown, member: string): void {
  if (isAbsoluteUrl(party)) return
  if (!isJsonObject(party)) throw documentInvalid(member, 'is neither a URL nor an object with one')
  // A party's texts are looked at first: they are wrong whether or not it is named.
  checkTexts(party, member)
  if (!isAbsoluteUrl(party.id)) throw documentInvalid(`${member}.id`, 'is not one URL')
}

function checkSubjects(document: JsonObject, terms: Terms): void {
  if (!Object.hasOwn(document, 'credentialSubject')) throw documentInvalid('credentialSubject', 'is missing')
  for (const { item, at } of oneOrMany(document.credentialSubject, 'credentialSubject')) {
    if (!isJsonObject(item) || Object.keys(item).length === 0)
      throw documentInvalid(at, 'is not an object that claims something')
    checkId(item, at)
    if (Object.hasOwn(item, 'type')) readTypes(item, terms, at)
  }
}

function checkTyped(document: JsonObject, member: string, terms: Terms): void {
  if (!Object.hasOwn(document, member)) return
  for (const { item, at } of oneOrMany(document[member], member)) {
    if (!isJsonObject(item)) throw documentInvalid(at, 'is not an object')
    readTypes(item, terms, at)
    checkId(item, at)
    for (const required of TYPED_MEMBERS[member]!)
      if (!Object.hasOwn(item, required)) throw documentInvalid(`${at}.${required}`, 'is missing')
  }
}

function checkRelatedResources(document: JsonObject): void {
  if (!Object.hasOwn(document, 'relatedResource')) return
  const seen = new Set<unknown>()
  for (const { item, at } of oneOrMany(document.relatedResource, 'relatedResource')) {
    if (!isJsonObject(item) || !isAbsoluteUrl(item.id)) throw documentInvalid(`${at}.id`, 'is not one URL')
    if (seen.has(item.id)) throw documentInvalid(`${at}.id`, 'names a resource twice')
    seen.add(item.id)
    if (typeof item.digestSRI !== 'string' && typeof item.digestMultibase !== 'string')
      throw documentInvalid(at, 'has neither digestSRI nor digestMultibase')
  }
}

const isEnveloped = (value: unknown): value is JsonObject =>
  isJsonObject(value) && [value.type].flat().includes('EnvelopedVerifiableCredential')

function checkEnveloped(value: JsonObject, at: string): void {
  if (![value['@context']].flat().includes(VC_CONTEXT))
    throw documentInvalid(`${at}.@context`, `does not name ${VC_CONTEXT}`)
  if (!isAbsoluteUrl(value.id) || !value.id.startsWith('data:'))
    throw documentInvalid(`${at}.id`, 'is not a data URL')
}
