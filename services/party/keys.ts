import { readFile } from 'node:fs/promises'
import { HDNodeWallet, Mnemonic, Wallet } from 'ethers'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, type Bytes32, toBytes32 } from '../../protocol/hex.ts'
import { addressOf } from '../../protocol/signature.ts'

export interface PartyKey {
  privateKey: Bytes32
  address: Address
}

export interface KeySource {
  /** 32 bytes in hex. Either this or a keystore file. */
  privateKey?: string | undefined
  /** An encrypted JSON keystore (Web3 Secret Storage version 3), with its password. */
  keystoreFile?: string | undefined
  keystorePassword?: string | undefined
  /** Of every chain the key is going to sign for. */
  chainIds: readonly number[]
}

const LOCAL_CHAIN_IDS = { first: 31_337, last: 31_346 }
const DEVELOPMENT_MNEMONIC = 'test test test test test test test test test test test junk'
const DEVELOPMENT_ACCOUNTS = 40

/**
 * The key a party signs with. @throws KEY_UNUSABLE; KEY_FOR_DEVELOPMENT_ONLY when the key is one that development chains are
 * published with and a chain is not a local one (ids 31337 to 31346).
 */
export async function loadKey(source: KeySource): Promise<PartyKey> {
  const privateKey = await readPrivateKey(source)
  const address = addressOrRefuse(privateKey)
  const foreignChain = source.chainIds.find((id) => !isLocalChain(id))
  if (foreignChain !== undefined && developmentAddresses().has(address))
    throw new CountersignError(
      'KEY_FOR_DEVELOPMENT_ONLY',
      `the key of ${address} is publicly known, and chain ${foreignChain} is not a local one`,
    )
  return { privateKey, address }
}

export const isLocalChain = (chainId: number): boolean =>
  chainId >= LOCAL_CHAIN_IDS.first && chainId <= LOCAL_CHAIN_IDS.last

async function readPrivateKey({ privateKey, keystoreFile, keystorePassword }: KeySource): Promise<Bytes32> {
  if ((privateKey === undefined) === (keystoreFile === undefined))
    throw unusable('give either a private key or a keystore file, not both')
  if (privateKey !== undefined) {
    try {
      return toBytes32(privateKey.startsWith('0x') ? privateKey : `0x${privateKey}`)
    } catch {
      throw unusable('the private key is not 32 bytes of hexadecimal data')
    }
  }
  if (keystorePassword === undefined) throw unusable('the keystore file needs its password')
  try {
    const wallet = await Wallet.fromEncryptedJson(await readFile(keystoreFile!, 'utf8'), keystorePassword)
    return wallet.privateKey as Bytes32
  } catch {
    // The cause is left out: it may quote the file.
    throw unusable('the keystore file cannot be read or decrypted')
  }
}

function addressOrRefuse(privateKey: Bytes32): Address {
  try {
    return addressOf(privateKey)
  } catch {
    throw unusable('the private key is out of range')
  }
}

function developmentAddresses(): Set<string> {
  const root = HDNodeWallet.fromSeed(Mnemonic.fromPhrase(DEVELOPMENT_MNEMONIC).computeSeed()).derivePath(
    "m/44'/60'/0'/0",
  )
  return new Set(Array.from({ length: DEVELOPMENT_ACCOUNTS }, (_, i) => root.deriveChild(i).address))
}

const unusable = (reason: string): CountersignError => new CountersignError('KEY_UNUSABLE', reason)
