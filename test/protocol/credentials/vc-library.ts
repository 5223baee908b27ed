// The libraries have no types of their own; what is used of them stands below.
// @ts-expect-error
import { contexts } from '@digitalbazaar/credentials-context'
// @ts-expect-error
import { DataIntegrityProof } from '@digitalbazaar/data-integrity'
// @ts-expect-error
import * as vc from '@digitalbazaar/vc'
import canonicalize from 'canonicalize'
import { getBytes, hexlify, keccak256, recoverAddress, TypedDataEncoder, toUtf8Bytes } from 'ethers'
// @ts-expect-error
import jsonld from 'jsonld'
import type { EvidenceCredential } from '../../../protocol/credentials/evidence-credential.ts'

/** Verification by others' code alone: W3C data model, JSON-LD, Data Integrity; the cryptosuite below is ethers'. */
export interface LibraryVerdict {
  verified: boolean
  error: string | undefined
}

const TYPES = {
  CredentialIssuance: [
    { name: 'credentialId', type: 'bytes32' },
    { name: 'issuer', type: 'address' },
    { name: 'digest', type: 'bytes32' },
    { name: 'documentHash', type: 'bytes32' },
    { name: 'proofHash', type: 'bytes32' },
  ],
}

const jcsHash = (value: object): string => keccak256(toUtf8Bytes(canonicalize(value)!))

const cryptosuite = {
  name: 'eip712-jcs-2026',
  requiredAlgorithm: 'EIP712',
  canonize: () => {
    throw new Error('this cryptosuite signs JCS, not RDF')
  },
  // biome-ignore lint/suspicious/noExplicitAny: as the library hands it over
  async createVerifyData({ document, proof }: any): Promise<Uint8Array> {
    const { proof: _proof, integrity: _integrity, ...signed } = document
    const { '@context': _context, proofValue: _value, ...options } = proof
    const [, , , , issuer] = signed.issuer.split(':')
    return getBytes(
      TypedDataEncoder.hash(
        {
          name: 'Countersign',
          version: '1',
          chainId: signed.credentialStatus.chainId,
          verifyingContract: signed.credentialStatus.registry,
        },
        TYPES,
        {
          credentialId: hexlify(toUtf8Bytes(signed.id.split(':')[2])).padEnd(66, '0'),
          issuer,
          digest: signed.credentialSubject.digest,
          documentHash: jcsHash(signed),
          proofHash: jcsHash(options),
        },
      ),
    )
  },
  async createVerifier({ verificationMethod }: { verificationMethod: { blockchainAccountId: string } }) {
    return {
      algorithm: 'EIP712',
      verify: async ({ data, signature }: { data: Uint8Array; signature: Uint8Array }) =>
        recoverAddress(hexlify(data), hexlify(signature)) ===
        verificationMethod.blockchainAccountId.split(':')[2],
    }
  },
}

/** Everything from memory: the base context of the data model, and what did:pkh says of an account. */
async function documentLoader(url: string): Promise<object> {
  const found = (document: object) => ({ documentUrl: url, contextUrl: null, document })
  if (contexts.has(url)) return found(contexts.get(url))
  const [did, fragment] = url.split('#')
  if (!did!.startsWith('did:pkh:')) throw new Error(`nothing is fetched: ${url}`)
  const method = {
    id: `${did}#blockchainAccountId`,
    type: 'EcdsaSecp256k1RecoveryMethod2020',
    controller: did,
    blockchainAccountId: did!.slice('did:pkh:'.length),
  }
  const context = 'https://www.w3.org/ns/did/v1'
  if (fragment !== undefined) return found({ '@context': context, ...method })
  return found({ '@context': context, id: did, verificationMethod: [method], assertionMethod: [method.id] })
}

/** @param now the time at which it is verified */
export async function verifyByLibrary(
  credential: EvidenceCredential,
  now = new Date('2026-06-01T00:00:00Z'),
): Promise<LibraryVerdict> {
  const { verified, error } = await vc.verifyCredential({
    credential: structuredClone(credential),
    suite: new DataIntegrityProof({ cryptosuite }),
    documentLoader,
    checkStatus: async () => ({ verified: true }),
    now,
  })
  const reasons = [error?.message, ...(error?.errors ?? []).map((each: Error) => each.message)]
  return { verified, error: error && reasons.join(': ') }
}

/** JSON-LD expansion in safe mode: throws where a member or a type has no meaning. */
export const expandSafely = (document: object): Promise<object[]> =>
  jsonld.expand(structuredClone(document), { documentLoader, safe: true })

/** N-Quads of the canonical RDF form, also in safe mode. */
export const canonizeSafely = (document: object): Promise<string> =>
  jsonld.canonize(structuredClone(document), { documentLoader, safe: true, algorithm: 'RDFC-1.0' })
