import { expect } from 'chai'
import { id, TypedDataEncoder } from 'ethers'
import { type Address, randomBytes32 } from '../../../protocol/hex.ts'
import { queryResultDigest } from '../../../protocol/query-result.ts'
import { keyToSerial, newSerial, serialToKey } from '../../../protocol/serial.ts'
import { addressOf, CHAIN_ID, deployRegistry, ethers } from '../support/chain.ts'

describe('QueryResultRegistry', () => {
  it('records the digest of an answer under its serial, both as the protocol makes them', async () => {
    const registry = await deployRegistry()
    const [provider] = await ethers.getSigners()
    const serial = newSerial()
    const key = serialToKey(serial)
    const result = {
      serial: key,
      provider: provider!.address as Address,
      contentHash: randomBytes32(),
      salt: randomBytes32(),
    }
    const digest = queryResultDigest({
      ...result,
      serial,
      chainId: CHAIN_ID,
      registry: await addressOf(registry),
    })
    const domain = {
      name: 'Countersign',
      version: '1',
      chainId: CHAIN_ID,
      verifyingContract: await addressOf(registry),
    }
    const types = {
      QueryResult: [
        { name: 'serial', type: 'bytes32' },
        { name: 'provider', type: 'address' },
        { name: 'contentHash', type: 'bytes32' },
        { name: 'salt', type: 'bytes32' },
      ],
    }
    expect(digest).to.equal(TypedDataEncoder.hash(domain, types, result))

    const receipt = await (await registry.record(key, digest)).wait()
    const [log] = receipt!.logs
    expect(log!.topics).to.deep.equal([
      id('ResultRecorded(bytes32,address,bytes32)'),
      key,
      ethers.zeroPadValue(provider!.address.toLowerCase(), 32),
    ])
    expect(log!.data).to.equal(digest)
    expect(keyToSerial(log!.topics[1]! as Address)).to.equal(serial)
  })
})
