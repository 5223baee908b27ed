import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { HardhatRuntimeEnvironment } from 'hardhat/types/hre'

/**
 * Compiles the contracts unless what was compiled is newer than every source. Hardhat would find out itself, but tidies
 * up its artifacts each time, in which processes that start at once trip over each other.
 */
export async function buildIfNeeded(
  hardhat: HardhatRuntimeEnvironment,
  contracts: readonly string[],
): Promise<void> {
  if (await isBuilt(hardhat, contracts)) return
  await hardhat.tasks.getTask('build').run({ quiet: true, noTests: true })
}

async function isBuilt(hardhat: HardhatRuntimeEnvironment, contracts: readonly string[]): Promise<boolean> {
  for (const contract of contracts) if (!(await hardhat.artifacts.artifactExists(contract))) return false
  const artifacts = await Promise.all(contracts.map((name) => hardhat.artifacts.getArtifactPath(name)))
  const sources = [...(await soliditySources(hardhat)), join(hardhat.config.paths.root, 'hardhat.config.ts')]
  return (await newest(artifacts)) > (await newest(sources))
}

async function soliditySources(hardhat: HardhatRuntimeEnvironment): Promise<string[]> {
  const folders = hardhat.config.paths.sources.solidity
  const listings = await Promise.all(
    folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })),
  )
  return listings
    .flat()
    .filter((entry) => entry.isFile() && entry.name.endsWith('.sol'))
    .map((entry) => join(entry.parentPath, entry.name))
}

const newest = async (files: readonly string[]): Promise<number> =>
  Math.max(...(await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs))))
