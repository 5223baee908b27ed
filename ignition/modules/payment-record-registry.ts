import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'

/** One registry of payment records. Parameter `gate`: the only account whose uploads it takes; zero for everybody. */
export default buildModule('PaymentRecordRegistryModule', (module) => {
  const gate = module.getParameter('gate')
  return { PaymentRecordRegistry: module.contract('PaymentRecordRegistry', [gate]) }
})
