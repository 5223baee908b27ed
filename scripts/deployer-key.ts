import { readFile } from 'node:fs/promises'
import { Wallet } from 'ethers'
import { CountersignError } from '../protocol/errors.ts'
import { type Bytes32, toBytes32 } from '../protocol/hex.ts'
import { addressOf } from '../protocol/signature.ts'
import { developmentKey } from './network/development-keys.ts'

/** As many as the simulated networks fund. */
const DEVELOPMENT_KEYS = 40

/** Chain ids of local networks; nothing of value is on them. */
export const isLocalChain = (chainId: number): boolean => chainId >= 31337 && chainId <= 31346

/**
 * The deployer's private key: COUNTERSIGN_PRIVATE_KEY, or the encrypted JSON keystore file COUNTERSIGN_KEYSTORE with
 * COUNTERSIGN_KEYSTORE_PASSWORD. Never from a command line, where every user of the machine could read it.
 * @throws KEY_UNUSABLE, without showing the key
 */
export async function readDeployerKey(env: NodeJS.ProcessEnv): Promise<Bytes32> {
  const { COUNTERSIGN_PRIVATE_KEY: privateKey, COUNTERSIGN_KEYSTORE: keystore } = env
  if (privateKey) return toPrivateKey(privateKey)
  if (keystore) return openKeystore(keystore, env.COUNTERSIGN_KEYSTORE_PASSWORD ?? '')
  throw new CountersignError('KEY_UNUSABLE', 'there is no key to deploy with in the environment', {
    action: 'Set COUNTERSIGN_PRIVATE_KEY, or COUNTERSIGN_KEYSTORE with COUNTERSIGN_KEYSTORE_PASSWORD.',
  })
}

/** @throws KEY_FOR_DEVELOPMENT_ONLY for a development key on a chain that is not local */
export function requireKeyForChain(privateKey: Bytes32, chainId: number): void {
  if (isLocalChain(chainId)) return
  for (let i = 0; i < DEVELOPMENT_KEYS; i++)
    if (developmentKey(i).privateKey === privateKey)
      throw new CountersignError(
        'KEY_FOR_DEVELOPMENT_ONLY',
        `${addressOf(privateKey)} is development account ${i}, and chain ${chainId} is not a local one`,
      )
}

function toPrivateKey(text: string): Bytes32 {
  try {
    const key = toBytes32(text.startsWith('0x') ? text : `0x${text}`)
    addressOf(key)
    return key
  } catch {
    // Without cause: it would quote the key.
    throw new CountersignError('KEY_UNUSABLE', 'COUNTERSIGN_PRIVATE_KEY is not a private key of 32 bytes')
  }
}

async function openKeystore(file: string, password: string): Promise<Bytes32> {
  try {
    const wallet = await Wallet.fromEncryptedJson(await readFile(file, 'utf8'), password)
    return wallet.privateKey as Bytes32
  } catch (cause) {
    throw new CountersignError('KEY_UNUSABLE', `${file}: ${(cause as Error).message}`, { cause })
  }
}
