import { canonicalJson } from '../canonical-json.ts'
import { VC_CONTEXT } from './credential-context.ts'
import { documentInvalid, isAbsoluteUrl, isJsonObject, type JsonObject, oneOrMany } from './vc-values.ts'

/** What the base context of the data model defines at its top, all of it protected: no later context may define it otherwise. */
const BASE_TERMS: readonly string[] = [
  ...['id', 'type', 'description', 'digestMultibase', 'digestSRI', 'mediaType', 'name'],
  ...['VerifiableCredential', 'EnvelopedVerifiableCredential'],
  ...['VerifiablePresentation', 'EnvelopedVerifiablePresentation'],
  ...['JsonSchemaCredential', 'JsonSchema'],
  ...['BitstringStatusListCredential', 'BitstringStatusList', 'BitstringStatusListEntry'],
  ...['DataIntegrityProof', '...', '_sd', '_sd_alg', 'aud', 'cnf', 'exp', 'iat', 'iss', 'jku', 'kid', 'nbf'],
  ...['sub', 'x5u'],
]

/** The terms that a document's contexts define, as far as they can be known without a network. */
export interface Terms {
  /** True when a context is named that would have to be fetched, or when every term is given an IRI (`@vocab`). */
  isOpen: boolean
  defined: ReadonlySet<string>
}

/**
 * Checks `@context`: the base context first, then URLs and objects, and no protected term defined anew.
 * @throws CREDENTIAL_INVALID
 */
export function readContext(document: JsonObject): Terms {
  const contexts = document['@context']
  if (!Array.isArray(contexts)) throw documentInvalid('@context', 'is not a list')
  if (contexts[0] !== VC_CONTEXT) throw documentInvalid('@context[0]', `is not ${VC_CONTEXT}`)
  const protectedTerms = new Map<string, string>(BASE_TERMS.map((term) => [term, '']))
  const defined = new Set(BASE_TERMS)
  let isFetched = false
  let hasVocabulary = false
  contexts.slice(1).forEach((context: unknown, i) => {
    const at = `@context[${i + 1}]`
    if (typeof context === 'string') {
      if (!isAbsoluteUrl(context)) throw documentInvalid(at, 'is not a URL')
      if (context !== VC_CONTEXT) isFetched = true
    } else if (isJsonObject(context)) {
      checkProtected(context, protectedTerms, at)
      for (const term of Object.keys(context)) if (!term.startsWith('@')) defined.add(term)
      if (Object.hasOwn(context, '@vocab')) hasVocabulary = typeof context['@vocab'] === 'string'
      if (Object.hasOwn(context, '@import')) isFetched = true
    } else throw documentInvalid(at, 'is neither a URL nor an object')
  })
  return { isOpen: isFetched || hasVocabulary, defined }
}

function checkProtected(context: JsonObject, protectedTerms: Map<string, string>, at: string): void {
  for (const [term, definition] of Object.entries(context)) {
    if (term.startsWith('@')) continue
    const meaning = meaningOf(definition, at)
    const known = protectedTerms.get(term)
    if (known !== undefined && known !== meaning) throw documentInvalid(at, 'defines a protected term anew')
    const isProtected =
      isJsonObject(definition) && Object.hasOwn(definition, '@protected')
        ? definition['@protected'] === true
        : context['@protected'] === true
    if (isProtected) protectedTerms.set(term, meaning)
  }
}

function meaningOf(definition: unknown, at: string): string {
  try {
    return canonicalJson(definition)
  } catch {
    throw documentInvalid(at, 'has a definition without a canonical JSON form')
  }
}

/**
 * The types of an object, each a term that the contexts map or a URL. Where a context would have to be fetched, any term is taken.
 * @throws CREDENTIAL_INVALID
 */
export function readTypes(object: JsonObject, terms: Terms, at: string): string[] {
  const member = at === '' ? 'type' : `${at}.type`
  if (!Object.hasOwn(object, 'type')) throw documentInvalid(member, 'is missing')
  // A context of its own may map what the document's do not.
  const isOpen = terms.isOpen || (at !== '' && Object.hasOwn(object, '@context'))
  return oneOrMany(object.type, member).map((type) => {
    if (typeof type.item !== 'string' || type.item === '') throw documentInvalid(type.at, 'is not a text')
    if (!isOpen && !terms.defined.has(type.item) && !isAbsoluteUrl(type.item))
      throw documentInvalid(type.at, 'is neither a term of the contexts nor a URL')
    return type.item
  })
}
