import { readFile } from 'node:fs/promises'
import { Wallet } from 'ethers'
import { type Static, Type } from 'typebox'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, type Bytes32, toBytes32 } from '../../protocol/hex.ts'
import { addressOf } from '../../protocol/signature.ts'
import { findDevelopmentAccount, isLocalChain } from './development-keys.ts'
import { type Environment, readEnvironment, Secret } from './environment.ts'

export interface PartyKey {
  privateKey: Bytes32
  address: Address
}

/** The settings that say which key a party signs with. */
export const KEY_VARIABLES = {
  /** 32 bytes in hex. Either this or a keystore file. */
  COUNTERSIGN_PRIVATE_KEY: Type.Optional(Secret()),
  /** An encrypted JSON keystore (Web3 Secret Storage version 3), with its password. */
  COUNTERSIGN_KEYSTORE_FILE: Type.Optional(Type.String()),
  COUNTERSIGN_KEYSTORE_PASSWORD: Type.Optional(Secret()),
}

const KeySettings = Type.Object(KEY_VARIABLES)

export interface KeySource {
  privateKey?: string | undefined
  keystoreFile?: string | undefined
  keystorePassword?: string | undefined
  /** Of every chain the key is going to sign for. */
  chainIds: readonly number[]
}

export const keySourceOf = (
  settings: Static<typeof KeySettings>,
  chainIds: readonly number[],
): KeySource => ({
  privateKey: settings.COUNTERSIGN_PRIVATE_KEY,
  keystoreFile: settings.COUNTERSIGN_KEYSTORE_FILE,
  keystorePassword: settings.COUNTERSIGN_KEYSTORE_PASSWORD,
  chainIds,
})

/**
 * The key a party signs with. Never from a command line, where every user of the machine could read it.
 * @throws KEY_UNUSABLE, without showing the key; KEY_FOR_DEVELOPMENT_ONLY
 */
export async function loadKey(source: KeySource): Promise<PartyKey> {
  const privateKey = await readPrivateKey(source)
  const key = { privateKey, address: addressOrRefuse(privateKey) }
  for (const chainId of source.chainIds) requireKeyForChain(key.address, chainId)
  return key
}

/** As {@link loadKey}, for a command that needs no other settings. @throws also CONFIGURATION_INVALID */
export const loadKeyOfEnvironment = (
  environment: Environment,
  chainIds: readonly number[],
): Promise<PartyKey> => loadKey(keySourceOf(readEnvironment(KeySettings, environment), chainIds))

/** @throws KEY_FOR_DEVELOPMENT_ONLY when the key of `address` is published with development chains and the chain is not local */
export function requireKeyForChain(address: Address, chainId: number): void {
  if (isLocalChain(chainId)) return
  const account = findDevelopmentAccount(address)
  if (account !== undefined)
    throw new CountersignError(
      'KEY_FOR_DEVELOPMENT_ONLY',
      `${address} is development account ${account}, whose key everybody knows, and chain ${chainId} is not a local one`,
    )
}

async function readPrivateKey({ privateKey, keystoreFile, keystorePassword }: KeySource): Promise<Bytes32> {
  if (privateKey !== undefined && keystoreFile !== undefined)
    throw unusable('COUNTERSIGN_PRIVATE_KEY and COUNTERSIGN_KEYSTORE_FILE are both set')
  if (privateKey !== undefined) return toPrivateKey(privateKey)
  if (keystoreFile !== undefined) return openKeystore(keystoreFile, keystorePassword)
  throw unusable('no key is set')
}

function toPrivateKey(text: string): Bytes32 {
  try {
    return toBytes32(text.startsWith('0x') ? text : `0x${text}`)
  } catch {
    // Without cause: it would quote the key.
    throw unusable('COUNTERSIGN_PRIVATE_KEY is not a private key of 32 bytes in hex')
  }
}

async function openKeystore(file: string, password: string | undefined): Promise<Bytes32> {
  if (password === undefined) throw unusable(`${file} needs its password, in COUNTERSIGN_KEYSTORE_PASSWORD`)
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw unusable(`the keystore file cannot be read: ${cause.message}`)
  })
  try {
    return (await Wallet.fromEncryptedJson(text, password)).privateKey as Bytes32
  } catch (cause) {
    // Without cause: it may quote the file or the password.
    const isPassword = (cause as { argument?: string }).argument === 'password'
    throw unusable(`${file}: ${isPassword ? 'incorrect password' : 'not an encrypted JSON keystore'}`)
  }
}

function addressOrRefuse(privateKey: Bytes32): Address {
  try {
    return addressOf(privateKey)
  } catch {
    throw unusable('the private key is not a private key of the curve: zero, or too large')
  }
}

const unusable = (reason: string): CountersignError =>
  new CountersignError('KEY_UNUSABLE', reason, {
    action: 'Set COUNTERSIGN_PRIVATE_KEY, or COUNTERSIGN_KEYSTORE_FILE with COUNTERSIGN_KEYSTORE_PASSWORD.',
  })
