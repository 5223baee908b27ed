import { expect } from 'chai'
import { getChain, getContract, parseAddressBook } from '../../protocol/address-book.ts'
import { isCountersignError } from '../../protocol/errors.ts'

const DIRECTORY = '0x5FbDB2315678afecb367f032d93F642f64180aa3'
const REGISTRY = '0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512'

/** Two chains, the directory on the first. */
function twoChains() {
  return {
    version: 1,
    directory: { chainId: 31337, address: DIRECTORY },
    chains: [
      {
        chainId: 31337,
        name: 'lenders',
        rpcUrls: ['http://127.0.0.1:8545'],
        finalityDepth: 0,
        contracts: {
          ParticipantDirectory: { address: DIRECTORY, startBlock: 2 },
          QueryResultRegistry: { address: REGISTRY, startBlock: 3 },
        },
      },
      {
        chainId: 31338,
        name: 'insurers',
        rpcUrls: ['http://127.0.0.1:8546', 'https://chain.example/rpc'],
        finalityDepth: 12,
        contracts: { QueryResultRegistry: { address: REGISTRY, startBlock: 0 } },
      },
    ],
  }
}

type Book = ReturnType<typeof twoChains>

const refusal = (change: (book: Book & Record<string, unknown>) => unknown): string => {
  const book = twoChains() as Book & Record<string, unknown>
  const changed = change(book)
  try {
    parseAddressBook(typeof changed === 'object' || changed === null ? changed : book)
  } catch (error) {
    if (isCountersignError(error, 'ADDRESS_BOOK_INVALID')) return error.message
    throw error
  }
  throw new Error('the book was accepted')
}

describe('address book', () => {
  describe('parseAddressBook', () => {
    it('gives a right book back as it is', () => {
      expect(parseAddressBook(twoChains())).to.deep.equal(twoChains())
    })

    it('takes the endpoints of announcements and of pages and the finalized tag, where there are any', () => {
      const book = twoChains()
      Object.assign(book.chains[0]!, {
        webSocketUrls: ['wss://chain.example'],
        finalizedTag: true,
        genesisHash: `0x${'5e'.repeat(32)}`,
        maxHeadAge: 3_600,
      })
      Object.assign(book.chains[0]!, { publicRpcUrls: [] })
      Object.assign(book.chains[1]!, { publicRpcUrls: ['https://chain.example'] })
      expect(parseAddressBook(structuredClone(book))).to.deep.equal(book)
    })

    it('checksums addresses and orders chains by id', () => {
      const book = twoChains()
      book.chains.reverse()
      book.directory.address = DIRECTORY.toLowerCase()
      expect(parseAddressBook(book)).to.deep.equal(twoChains())
    })

    const refusals: [string, (book: Book & Record<string, unknown>) => unknown, string][] = [
      ['what is no object', () => null, 'the address book is not an object'],
      ['an array', () => [], 'the address book is not an object'],
      [
        'another version',
        (book) => {
          book.version = 2
        },
        'version is not 1, the only version this program reads',
      ],
      [
        'a missing member',
        ({ chains, version }) => ({ chains, version }),
        'the address book has no member directory',
      ],
      [
        'an unknown member',
        (book) => ({ ...book, owner: 1 }),
        'the address book has a member "owner" that nobody knows',
      ],
      ['chains that are no list', (book) => ({ ...book, chains: {} }), 'chains is not an array'],
      [
        'a chain id that is no integer',
        (book) => {
          book.chains[1]!.chainId = 1.5
        },
        'chains[1].chainId is not an integer from 1 on',
      ],
      [
        'a genesis block that is no hash',
        (book) => {
          Object.assign(book.chains[1]!, { genesisHash: '0x5E' })
        },
        'chains[1].genesisHash is not a hash of 32 bytes in lower-case hex',
      ],
      [
        'a negative finality depth',
        (book) => {
          book.chains[0]!.finalityDepth = -1
        },
        'chains[0].finalityDepth is not an integer from 0 on',
      ],
      [
        'a name with a blank',
        (book) => {
          book.chains[0]!.name = 'the lenders'
        },
        'chains[0].name is not a name of 1 to 40 lower-case letters, digits and hyphens',
      ],
      [
        'a chain without endpoint',
        (book) => {
          book.chains[0]!.rpcUrls = []
        },
        'chains[0].rpcUrls is empty; give at least one URL',
      ],
      [
        'a WebSocket endpoint that is none',
        (book) => {
          Object.assign(book.chains[1]!, { webSocketUrls: ['https://chain.example'] })
        },
        'chains[1].webSocketUrls[0] is not a ws or wss URL',
      ],
      [
        'a finalized tag that is not true',
        (book) => {
          Object.assign(book.chains[1]!, { finalizedTag: false })
        },
        'chains[1].finalizedTag is not true; leave it out where the depth counts',
      ],
      [
        'an endpoint that is no URL',
        (book) => {
          book.chains[1]!.rpcUrls[1] = 'ftp://chain.example'
        },
        'chains[1].rpcUrls[1] is not an http or https URL',
      ],
      [
        'an address of wrong form',
        (book) => {
          book.chains[1]!.contracts.QueryResultRegistry.address = '0x12'
        },
        'chains[1].contracts.QueryResultRegistry.address not an address: "0x12"',
      ],
      [
        'a wrong checksum',
        (book) => {
          book.directory.address = REGISTRY.replace('e7f', 'E7f')
        },
        `directory.address wrong EIP-55 checksum: ${REGISTRY.replace('e7f', 'E7f')}`,
      ],
      [
        'a start block that is text',
        (book) => {
          Object.assign(book.chains[0]!.contracts.QueryResultRegistry, { startBlock: '3' })
        },
        'chains[0].contracts.QueryResultRegistry.startBlock is not an integer from 0 on',
      ],
      [
        'two chains of one id',
        (book) => {
          book.chains[1]!.chainId = 31337
        },
        'chains has two entries with chainId 31337',
      ],
      [
        'two chains of one name',
        (book) => {
          book.chains[1]!.name = 'lenders'
        },
        'chains has two entries with name lenders',
      ],
      [
        'a directory on a chain that is not listed',
        (book) => {
          book.directory.chainId = 1
        },
        'directory.chainId is 1, which is no chain of the book',
      ],
      [
        'a directory at the address of another contract',
        (book) => {
          book.directory.address = REGISTRY
        },
        'directory.address is not the ParticipantDirectory of chain 31337',
      ],
    ]
    for (const [what, change, message] of refusals)
      it(`refuses ${what} and says where`, () => {
        expect(refusal(change)).to.equal(message)
      })
  })

  describe('getChain', () => {
    it('finds a chain by id and refuses an unknown one', () => {
      const book = parseAddressBook(twoChains())
      expect(getChain(book, 31338).name).to.equal('insurers')
      expect(() => getChain(book, 5))
        .to.throw('the address book has no chain 5')
        .with.property('code', 'CHAIN_UNKNOWN')
    })
  })

  describe('getContract', () => {
    it('finds a contract by name and refuses an unknown one', () => {
      const chain = getChain(parseAddressBook(twoChains()), 31338)
      expect(getContract(chain, 'QueryResultRegistry').address).to.equal(REGISTRY)
      expect(() => getContract(chain, 'ParticipantDirectory')).to.throw(
        'chain 31338 has no ParticipantDirectory',
      )
    })
  })
})
