import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'

/** The directory of participants and the AccessManager in front of it, whose first administrator is the deployer. */
export default buildModule('ParticipantDirectoryModule', (module) => {
  const AccessManager = module.contract('AccessManager', [module.getAccount(0)])
  return { AccessManager, ParticipantDirectory: module.contract('ParticipantDirectory', [AccessManager]) }
})
