import { fileURLToPath } from 'node:url'
import hardhatToolboxMochaEthers from '@nomicfoundation/hardhat-toolbox-mocha-ethers'
import { defineConfig } from 'hardhat/config'
import type { HardhatPlugin } from 'hardhat/types/plugins'

// The compiler is the npm package's WASM build: compiling downloads nothing. Hardhat wants an absolute path.
const compilerPath = fileURLToPath(import.meta.resolve('solc/soljson.js'))

/** Interval between blocks is zero, so two blocks may share a second; chain time then follows the clock. */
const localChain = {
  type: 'edr-simulated',
  chainType: 'l1',
  allowBlocksWithSameTimestamp: true,
  accounts: { count: 40 },
} as const

/** What the compiler has to say of our own files stays; what it says of a dependency's is not ours to mend. */
const withoutDependencyWarnings: HardhatPlugin = {
  id: 'without-dependency-warnings',
  hookHandlers: {
    solidity: async () => ({
      default: async () => ({
        async getCompilationJobErrors(context, job, output, next) {
          const errors = await next(context, job, output)
          return errors.filter(
            ({ severity, formattedMessage }) =>
              severity === 'error' || !formattedMessage?.includes('node_modules/@openzeppelin/'),
          )
        },
      }),
    }),
  },
}

export default defineConfig({
  plugins: [hardhatToolboxMochaEthers, withoutDependencyWarnings],
  solidity: {
    version: '0.8.37',
    path: compilerPath,
    settings: {
      optimizer: { enabled: true, runs: 10_000 },
      evmVersion: 'osaka',
      // A batch of payments costs 370 gas less a record, one of query results 145.
      viaIR: true,
      // The layout is compared with a committed one: storage proofs rely on it.
      outputSelection: { '*': { '*': ['storageLayout'] } },
    },
    // Deployed as it is: the directory is administered through it.
    npmFilesToBuild: ['@openzeppelin/contracts/access/manager/AccessManager.sol'],
  },
  networks: {
    lenders: { ...localChain, chainId: 31337 },
    insurers: { ...localChain, chainId: 31338 },
    // Any chain with a node; the deployment fills in URL and key.
    external: { type: 'http', chainType: 'generic', url: 'http://127.0.0.1:8545' },
  },
  test: { solidity: { fuzz: { runs: 256 }, invariant: { runs: 40, depth: 60, failOnRevert: true } } },
  // Coverage instruments what it compiles, and keeps that to a folder of its own.
  paths: {
    artifacts: process.env.HARDHAT_ARTIFACTS ?? 'artifacts',
    cache: process.env.HARDHAT_CACHE ?? 'cache',
    tests: { mocha: 'test/contracts', solidity: 'test/contracts' },
  },
})
