import { fileURLToPath } from 'node:url'
import { createHardhatRuntimeEnvironment, importUserConfig } from 'hardhat/hre'
import type { HardhatRuntimeEnvironment } from 'hardhat/types/hre'

const root = fileURLToPath(new URL('..', import.meta.url))
const configPath = fileURLToPath(new URL('../hardhat.config.ts', import.meta.url))

/** The project's Hardhat, wherever the process was started from. Takes about a second the first time. */
export function hardhatEnvironment(): Promise<HardhatRuntimeEnvironment> {
  environment ??= load()
  return environment
}

let environment: Promise<HardhatRuntimeEnvironment> | undefined

const load = async () =>
  createHardhatRuntimeEnvironment(await importUserConfig(configPath), { config: configPath }, root)
