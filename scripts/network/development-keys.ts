import { HDNodeWallet, Mnemonic } from 'ethers'
import { type Address, type Bytes32, keccak256Hex, utf8ToBytes } from '../../protocol/hex.ts'

// Everybody knows these words: their accounts are rich on every local chain and refused on any other.
const MNEMONIC = Mnemonic.fromPhrase('test test test test test test test test test test test junk')
const PATH = "m/44'/60'/0'/0"

export interface DevelopmentKey {
  address: Address
  privateKey: Bytes32
}

/** The development account of that number on local chains. */
export function developmentKey(index: number): DevelopmentKey {
  const wallet = HDNodeWallet.fromMnemonic(MNEMONIC, `${PATH}/${index}`)
  return { address: wallet.address as Address, privateKey: wallet.privateKey as Bytes32 }
}

/** A salt secret for a party on a local chain; not secret at all. */
export const developmentSaltSecret = (party: string): Bytes32 =>
  keccak256Hex(utf8ToBytes(`countersign development salt secret of ${party}`))
