/** The base context of W3C Verifiable Credentials 2.0. */
export const VC_CONTEXT = 'https://www.w3.org/ns/credentials/v2'

const VOCABULARY = 'https://countersign.example/vocabulary#'
const TERMS = [
  'EvidenceCredential',
  'Evidence',
  'RegistryStatus',
  'RecordReceipt',
  'contentHash',
  'metadataHash',
  'salt',
  'digest',
  'chainId',
  'registry',
  'recordBy',
  'tier',
  'leafProof',
  'integrity',
] as const
/** Carried as JSON: their members are no terms. */
const JSON_TERMS = ['metadata', 'event'] as const

/** The `@context` of every credential: ours stands in the file, so that nobody has to fetch it. */
export const CREDENTIAL_CONTEXT = [
  VC_CONTEXT,
  {
    ...Object.fromEntries(TERMS.map((term) => [term, `${VOCABULARY}${term}`])),
    ...Object.fromEntries(
      JSON_TERMS.map((term) => [term, { '@id': `${VOCABULARY}${term}`, '@type': '@json' }]),
    ),
  },
] as const
