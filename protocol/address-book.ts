import { CountersignError } from './errors.ts'
import { type Address, type Bytes32, isBytes32, toAddress } from './hex.ts'

/** Where the contracts are: written by the deploy script, read by every other program. */
export interface AddressBook {
  version: 1
  /** The one directory of participants; on a chain of `chains`, under the name `ParticipantDirectory`. */
  directory: { chainId: number; address: Address }
  /** Ordered by chain id. */
  chains: ChainEntry[]
}

export interface ChainEntry {
  /** EIP-155. */
  chainId: number
  /** Hash of block 0, in lower case: what tells a chain from one of the same id that was started afresh. Default: not looked at. */
  genesisHash?: Bytes32
  /** What people call the chain; unique in the book. */
  name: string
  /** JSON-RPC endpoints, at least one, in order of preference. */
  rpcUrls: string[]
  /** WebSocket endpoints that announce new blocks; default: at the addresses of `rpcUrls`. */
  webSocketUrls?: string[]
  /** Endpoints that web pages name to everybody who looks, to be asked from browsers; default: those of `rpcUrls` that show no credentials. */
  publicRpcUrls?: string[]
  /** Blocks after a block until it counts as final; 0: at once. */
  finalityDepth: number
  /** Final is instead what the chain's own `finalized` tag says, never more; the depth counts where the tag means nothing. */
  finalizedTag?: true
  /** Seconds until its newest block counts as old, and is no ground to call anything intact. Default 600; more where blocks come only with transactions. */
  maxHeadAge?: number
  /** By contract name, e.g. `QueryResultRegistry`. */
  contracts: Record<string, DeployedContract>
}

export interface DeployedContract {
  address: Address
  /** The block of its deployment: there are no events before. */
  startBlock: number
}

/**
 * Checks a parsed address book file and gives it its type; addresses come back checksummed.
 * @throws ADDRESS_BOOK_INVALID naming the member, like `chains[0].rpcUrls[1]`.
 */
export function parseAddressBook(json: unknown): AddressBook {
  const members = toObject(json, 'the address book', ['version', 'directory', 'chains'])
  if (members.version !== 1) fail('version', 'is not 1, the only version this program reads')
  const chains = toArray(members.chains, 'chains').map((chain, i) => toChain(chain, `chains[${i}]`))
  requireUnique(chains, 'chainId')
  requireUnique(chains, 'name')
  const directory = toObject(members.directory, 'directory', ['chainId', 'address'])
  const book: AddressBook = {
    version: 1,
    directory: {
      chainId: toInteger(directory.chainId, 'directory.chainId', 1),
      address: toChecksummed(directory.address, 'directory.address'),
    },
    chains: chains.sort((a, b) => a.chainId - b.chainId),
  }
  requireDirectory(book)
  return book
}

/** @throws CHAIN_UNKNOWN when the book does not have the chain. */
export function getChain(book: AddressBook, chainId: number): ChainEntry {
  const chain = book.chains.find((candidate) => candidate.chainId === chainId)
  if (chain === undefined)
    throw new CountersignError('CHAIN_UNKNOWN', `the address book has no chain ${chainId}`)
  return chain
}

/** @throws ADDRESS_BOOK_INVALID when the chain has no contract of that name. */
export function getContract(chain: ChainEntry, name: string): DeployedContract {
  const contract = chain.contracts[name]
  if (contract === undefined)
    throw new CountersignError('ADDRESS_BOOK_INVALID', `chain ${chain.chainId} has no ${name}`)
  return contract
}

function toChain(value: unknown, path: string): ChainEntry {
  const members = toObject(
    value,
    path,
    ['chainId', 'name', 'rpcUrls', 'finalityDepth', 'contracts'],
    ['genesisHash', 'webSocketUrls', 'publicRpcUrls', 'finalizedTag', 'maxHeadAge'],
  )
  if (members.finalizedTag !== undefined && members.finalizedTag !== true)
    fail(`${path}.finalizedTag`, 'is not true; leave it out where the depth counts')
  return {
    chainId: toInteger(members.chainId, `${path}.chainId`, 1),
    ...(members.genesisHash === undefined
      ? {}
      : { genesisHash: toHash(members.genesisHash, `${path}.genesisHash`) }),
    name: toName(members.name, `${path}.name`),
    rpcUrls: toUrls(members.rpcUrls, `${path}.rpcUrls`, 'http'),
    ...(members.webSocketUrls === undefined
      ? {}
      : { webSocketUrls: toUrls(members.webSocketUrls, `${path}.webSocketUrls`, 'ws') }),
    ...(members.publicRpcUrls === undefined
      ? {}
      : {
          // None at all is a choice, too.
          publicRpcUrls: toArray(members.publicRpcUrls, `${path}.publicRpcUrls`).map((url, i) =>
            toUrl(url, `${path}.publicRpcUrls[${i}]`, 'http'),
          ),
        }),
    ...(members.finalizedTag === true ? { finalizedTag: true as const } : {}),
    ...(members.maxHeadAge === undefined
      ? {}
      : { maxHeadAge: toInteger(members.maxHeadAge, `${path}.maxHeadAge`, 1) }),
    finalityDepth: toInteger(members.finalityDepth, `${path}.finalityDepth`, 0),
    contracts: toContracts(members.contracts, `${path}.contracts`),
  }
}

function toContracts(value: unknown, path: string): Record<string, DeployedContract> {
  return Object.fromEntries(
    Object.entries(toObject(value, path)).map(([name, contract]) => {
      const members = toObject(contract, `${path}.${name}`, ['address', 'startBlock'])
      return [
        name,
        {
          address: toChecksummed(members.address, `${path}.${name}.address`),
          startBlock: toInteger(members.startBlock, `${path}.${name}.startBlock`, 0),
        },
      ]
    }),
  )
}

function requireDirectory({ directory, chains }: AddressBook): void {
  const chain = chains.find(({ chainId }) => chainId === directory.chainId)
  if (chain === undefined) fail('directory.chainId', `is ${directory.chainId}, which is no chain of the book`)
  if (chain.contracts.ParticipantDirectory?.address !== directory.address)
    fail('directory.address', `is not the ParticipantDirectory of chain ${directory.chainId}`)
}

function requireUnique(chains: readonly ChainEntry[], member: 'chainId' | 'name'): void {
  const seen = new Set<unknown>()
  for (const chain of chains) {
    if (seen.has(chain[member])) fail('chains', `has two entries with ${member} ${chain[member]}`)
    seen.add(chain[member])
  }
}

/** With `names`: exactly these members, and none but `optional` besides. */
function toObject(
  value: unknown,
  path: string,
  names?: readonly string[],
  optional: readonly string[] = [],
): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(path, 'is not an object')
  const members = value as Record<string, unknown>
  for (const name of names ?? []) if (!Object.hasOwn(members, name)) fail(path, `has no member ${name}`)
  const unknown =
    names && Object.keys(members).find((name) => !names.includes(name) && !optional.includes(name))
  if (unknown !== undefined) fail(path, `has a member ${JSON.stringify(unknown)} that nobody knows`)
  return members
}

function toArray(value: unknown, path: string): unknown[] {
  return Array.isArray(value) ? value : fail(path, 'is not an array')
}

function toInteger(value: unknown, path: string, minimum: number): number {
  return Number.isSafeInteger(value) && (value as number) >= minimum
    ? (value as number)
    : fail(path, `is not an integer from ${minimum} on`)
}

function toHash(value: unknown, path: string): Bytes32 {
  return isBytes32(value) ? value : fail(path, 'is not a hash of 32 bytes in lower-case hex')
}

function toName(value: unknown, path: string): string {
  return typeof value === 'string' && /^[a-z0-9][a-z0-9-]{0,39}$/.test(value)
    ? value
    : fail(path, 'is not a name of 1 to 40 lower-case letters, digits and hyphens')
}

function toUrls(value: unknown, path: string, scheme: 'http' | 'ws'): string[] {
  const urls = toArray(value, path)
  if (urls.length === 0) fail(path, 'is empty; give at least one URL')
  return urls.map((url, i) => toUrl(url, `${path}[${i}]`, scheme))
}

function toUrl(value: unknown, path: string, scheme: 'http' | 'ws'): string {
  const isUrl =
    typeof value === 'string' &&
    URL.canParse(value) &&
    [`${scheme}:`, `${scheme}s:`].includes(new URL(value).protocol)
  return isUrl ? value : fail(path, `is not ${scheme === 'ws' ? 'a ws or wss' : 'an http or https'} URL`)
}

function toChecksummed(value: unknown, path: string): Address {
  try {
    return toAddress(String(value))
  } catch (cause) {
    return fail(path, (cause as Error).message)
  }
}

function fail(path: string, reason: string): never {
  throw new CountersignError('ADDRESS_BOOK_INVALID', `${path} ${reason}`)
}
