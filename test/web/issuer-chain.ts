import type { ContractTransactionResponse } from 'ethers'
import { credentialKey } from '../../protocol/credentials/credential-key.ts'
import { type EvidenceCredential, readCredential } from '../../protocol/credentials/evidence-credential.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import { roleMask } from '../../protocol/roles.ts'
import { addressOf } from '../../protocol/signature.ts'
import { type CredentialChain, startCredentialChain } from '../protocol/credentials/credential-chain.ts'
import { DEPLOYER_KEY, type DeployedContracts, deployAll, directoryAs } from '../support/contracts.ts'

/** The second account of the test mnemonic: the issuer writes from the first. */
const ADMINISTRATOR_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'

export const ISSUER = addressOf(DEPLOYER_KEY)
export const ISSUER_NAME = 'Notary 北'

/** A chain of credentials whose issuer is in a directory on the same chain. */
export interface IssuerChain extends CredentialChain {
  readonly contracts: DeployedContracts
  readonly network: PaymentNetwork
  /** A transaction of the directory's administrator. */
  administer(method: string, ...values: unknown[]): Promise<void>
  /** A transaction of the issuer to the registry. */
  send(method: string, ...values: unknown[]): Promise<void>
  /** A credential recorded in a slot, with its receipt. */
  issue(change?: Parameters<CredentialChain['pending']>[0]): Promise<EvidenceCredential>
  revoke(credential: EvidenceCredential, reason: string): Promise<void>
}

export async function startIssuerChain(): Promise<IssuerChain> {
  const chain = await startCredentialChain()
  const { anvil, contract, registry } = chain
  const contracts = await deployAll(anvil.url, ADMINISTRATOR_KEY)
  const { directory, provider } = directoryAs(anvil.url, contracts.ParticipantDirectory, ADMINISTRATOR_KEY)
  const administer: IssuerChain['administer'] = async (method, ...values) => {
    await (await directory.getFunction(method)(...values)).wait()
  }
  const send: IssuerChain['send'] = async (method, ...values) => {
    await ((await contract.getFunction(method)(...values)) as ContractTransactionResponse).wait()
  }
  await administer('register', ISSUER, roleMask(['credentialIssuer']), ISSUER_NAME, '', '')
  // What is recorded is of a later second than the registration.
  await anvil.request('evm_increaseTime', [5])
  return {
    ...chain,
    contracts: { ...contracts, CredentialRegistry: registry },
    network: {
      directory: { chainId: anvil.chainId, address: contracts.ParticipantDirectory },
      chains: [
        {
          chainId: anvil.chainId,
          name: 'evidence',
          registry,
          rpcUrls: [anvil.url],
          finalityDepth: 0,
          finalizedTag: false,
        },
      ],
    },
    administer,
    send,
    issue: async (change) => (await chain.recorded('recorded', [chain.pending(change)]))[0]!,
    revoke: (credential, reason) =>
      send('revoke', credentialKey(readCredential(credential).credentialId), reason),
    async stop() {
      provider.destroy()
      await chain.stop()
    },
  }
}
