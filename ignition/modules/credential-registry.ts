import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'

/** One registry of credentials. Parameter `gate`: the only account whose issues and revocations it takes; zero for everybody. */
export default buildModule('CredentialRegistryModule', (module) => {
  const gate = module.getParameter('gate')
  return { CredentialRegistry: module.contract('CredentialRegistry', [gate]) }
})
