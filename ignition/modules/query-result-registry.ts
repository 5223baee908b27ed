import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'

/** One registry of query results. Parameter `gate`: the only account whose records it takes; zero for everybody. */
export default buildModule('QueryResultRegistryModule', (module) => {
  const gate = module.getParameter('gate')
  return { QueryResultRegistry: module.contract('QueryResultRegistry', [gate]) }
})
