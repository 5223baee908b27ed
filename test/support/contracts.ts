import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import {
  Contract,
  ContractFactory,
  type InterfaceAbi,
  type JsonRpcProvider,
  NonceManager,
  Wallet,
} from 'ethers'
import { PARTICIPANT_DIRECTORY_ABI } from '../../protocol/abi/participant-directory.ts'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import { type Address, type Bytes32, ZERO_ADDRESS } from '../../protocol/hex.ts'
import { roleMask } from '../../protocol/roles.ts'
import { ReceiptPollingProvider } from '../../scripts/chain/receipt-polling-provider.ts'
import { walletWithGasToSpare } from '../../scripts/chain/transaction.ts'

/** Private key of the first account of the well-known test mnemonic: funded on every local chain, worthless elsewhere. */
export const DEPLOYER_KEY: Bytes32 = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'

export interface DeployedContracts {
  AccessManager: Address
  ParticipantDirectory: Address
  QueryResultRegistry: Address
  PaymentRecordRegistry: Address
  CredentialRegistry: Address
  /** Block of the first of them. */
  startBlock: number
}

/** Deploys directory and registries, open to all, with plain transactions. Needs `npx hardhat compile` before. */
export async function deployAll(
  rpcUrl: string,
  deployerKey: Bytes32 = DEPLOYER_KEY,
): Promise<DeployedContracts> {
  const provider = localProvider(rpcUrl)
  try {
    const deployer = new NonceManager(new Wallet(deployerKey, provider))
    const startBlock = (await provider.getBlockNumber()) + 1
    const deploy = async (artifact: Artifact, ...args: unknown[]) => {
      const contract = await new ContractFactory(artifact.abi, artifact.bytecode, deployer).deploy(...args)
      await contract.waitForDeployment()
      return (await contract.getAddress()) as Address
    }
    const administrator = new Wallet(deployerKey).address
    const accessManager = await deploy(accessManagerArtifact(), administrator)
    return {
      AccessManager: accessManager,
      ParticipantDirectory: await deploy(
        artifactOf('directory/ParticipantDirectory.sol/ParticipantDirectory'),
        accessManager,
      ),
      QueryResultRegistry: await deploy(
        artifactOf('audit/QueryResultRegistry.sol/QueryResultRegistry'),
        ZERO_ADDRESS,
      ),
      PaymentRecordRegistry: await deploy(
        artifactOf('payments/PaymentRecordRegistry.sol/PaymentRecordRegistry'),
        ZERO_ADDRESS,
      ),
      CredentialRegistry: await deploy(
        artifactOf('credentials/CredentialRegistry.sol/CredentialRegistry'),
        ZERO_ADDRESS,
      ),
      startBlock,
    }
  } finally {
    provider.destroy()
  }
}

/** The registry as `key` writes to it. Destroy `provider` when done. */
export function registryAs(
  rpcUrl: string,
  registry: Address,
  key: Bytes32,
): { registry: Contract; provider: JsonRpcProvider } {
  const provider = localProvider(rpcUrl)
  const signer = new NonceManager(new Wallet(key, provider))
  return { registry: new Contract(registry, [...QUERY_RESULT_REGISTRY_ABI], signer), provider }
}

/** The directory as its administrator uses it. Destroy `provider` when done. */
export function directoryAs(
  rpcUrl: string,
  directory: Address,
  key: Bytes32 = DEPLOYER_KEY,
): { directory: Contract; provider: JsonRpcProvider } {
  const provider = localProvider(rpcUrl)
  const signer = new NonceManager(walletWithGasToSpare(key, provider))
  return { directory: new Contract(directory, [...PARTICIPANT_DIRECTORY_ABI], signer), provider }
}

/** Registers `account` as an active provider whose records are kept in `registry`. */
export async function registerProvider(
  rpcUrl: string,
  book: { directory: Address; chainId: number; registry: Address },
  account: Address,
  name = 'a provider',
): Promise<void> {
  const { directory, provider } = directoryAs(rpcUrl, book.directory)
  try {
    await (await directory.getFunction('register')(account, roleMask(['provider']), name, '', '')).wait()
    await (await directory.getFunction('setBook')(account, 0, book.chainId, book.registry)).wait()
  } finally {
    provider.destroy()
  }
}

interface Artifact {
  abi: InterfaceAbi
  bytecode: string
}

function artifactOf(name: string): Artifact {
  const file = new URL(`../../artifacts/contracts/${name}.json`, import.meta.url)
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new Error(`${name} is not compiled: run \`npx hardhat compile\` first`, { cause })
  }
}

const accessManagerArtifact = (): Artifact =>
  createRequire(import.meta.url)('@openzeppelin/contracts/build/contracts/AccessManager.json')

export function localProvider(rpcUrl: string): JsonRpcProvider {
  const provider = new ReceiptPollingProvider(rpcUrl, undefined, { cacheTimeout: -1, batchMaxCount: 1 })
  // Blocks of a local chain come at once; ethers would look every four seconds.
  provider.pollingInterval = 20
  return provider
}
