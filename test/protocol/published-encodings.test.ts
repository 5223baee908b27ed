import { expect } from 'chai'
import { AbiCoder, solidityPackedKeccak256 } from 'ethers'
import { bytesToHex, hexToBytes, keccak256Hex } from '../../protocol/hex.ts'
import { readSuiteJson } from '../support/data-suites.ts'
import { sharedData } from '../support/shared-data.ts'

describe('published encodings', () => {
  it('keccak256 of arbitrary data', function () {
    const path = sharedData(this, 'suite-eth-encoding', 'hashes.json')
    for (const { name, data, keccak256 } of readSuiteJson(path))
      expect(keccak256Hex(hexToBytes(data)), name).to.equal(keccak256)
  })

  it('keccak256 of packed Solidity values', function () {
    const path = sharedData(this, 'suite-eth-encoding', 'solidity-hashes.json')
    for (const { name, types, values, keccak256 } of readSuiteJson(path))
      expect(solidityPackedKeccak256(types, values), name).to.equal(keccak256)
  })

  it('hexadecimal data there and back', function () {
    const path = sharedData(this, 'suite-eth-encoding', 'hashes.json')
    for (const { data } of readSuiteJson(path)) expect(bytesToHex(hexToBytes(data))).to.equal(data)
  })

  it('ABI values, each in its only form', function () {
    const path = sharedData(this, 'suite-eth-encoding', 'abi.json')
    const coder = AbiCoder.defaultAbiCoder()
    for (const { name, type, value, encoded } of readSuiteJson(path)) {
      expect(coder.encode([type], [value]), name).to.equal(encoded)
      expect(coder.encode([type], coder.decode([type], encoded)), name).to.equal(encoded)
    }
  })
})
