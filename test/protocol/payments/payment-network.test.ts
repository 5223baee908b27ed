import { expect } from 'chai'
import type { AddressBook, ChainEntry } from '../../../protocol/address-book.ts'
import {
  mayHoldCredentials,
  paymentNetworkOf,
  publicRpcUrlsOf,
} from '../../../protocol/payments/payment-network.ts'
import { PLACE } from './payment-arbitrary.ts'

const { registry, office: directory } = PLACE

const chain = (change: Partial<ChainEntry> = {}): ChainEntry => ({
  chainId: 1,
  name: 'taxes',
  rpcUrls: ['https://user:password@node.example', 'https://node.example'],
  finalityDepth: 3,
  contracts: { PaymentRecordRegistry: { address: registry, startBlock: 1 } },
  ...change,
})

describe('network of payments', () => {
  it('has the chains of payments and of the directory, and no other', () => {
    const book: AddressBook = {
      version: 1,
      directory: { chainId: 2, address: directory },
      chains: [
        chain({ finalizedTag: true }),
        chain({ chainId: 2, name: 'directory', contracts: {} }),
        chain({ chainId: 3, name: 'loans', contracts: {} }),
      ],
    }
    const { chains, ...rest } = paymentNetworkOf(book, publicRpcUrlsOf)
    expect(rest).to.deep.equal({ directory: book.directory })
    const shared = { finalityDepth: 3, rpcUrls: ['https://node.example'] }
    expect(chains).to.deep.equal([
      { chainId: 1, name: 'taxes', registry, finalizedTag: true, ...shared },
      { chainId: 2, name: 'directory', registry: null, finalizedTag: false, ...shared },
    ])
  })

  it('names to the public what is said to be public, whatever it is, and nothing else', () => {
    const named = ['https://node.example/v3/0123456789abcdef0123456789abcdef']
    expect(publicRpcUrlsOf(chain({ publicRpcUrls: named }))).to.deep.equal(named)
    expect(publicRpcUrlsOf(chain({ publicRpcUrls: [] }))).to.deep.equal([])
  })

  for (const url of [
    'https://user@node.example',
    'https://user:password@node.example',
    'https://node.example/?key=1',
    'https://mainnet.node.example/v3/0123456789abcdef0123456789abcdef',
    'https://node.example/0123456789abcdef',
    'https://0123456789abcdef.node.example/rpc',
  ])
    it(`keeps ${url} to itself`, () => expect(mayHoldCredentials(url)).to.equal(true))

  for (const url of ['http://127.0.0.1:8545', 'https://rpc.node.example/eth/mainnet', 'http://[::1]:8545/'])
    it(`names ${url}`, () => expect(mayHoldCredentials(url)).to.equal(false))
})
