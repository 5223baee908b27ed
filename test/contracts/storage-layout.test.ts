import { readFile, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { artifacts, globalOptions } from 'hardhat'

/** Where each variable lies; `UPDATE_STORAGE_LAYOUT=1` writes it anew. Storage proofs of deployed books rely on it. */
const SNAPSHOT = new URL('snapshots/storage-layout.json', import.meta.url)
const CONTRACTS = [
  'audit/QueryResultRegistry',
  'credentials/CredentialRegistry',
  'directory/ParticipantDirectory',
  'payments/PaymentRecordRegistry',
]

interface Layout {
  storage: { label: string; slot: string; offset: number; type: string }[]
  types: Record<string, { label: string }>
}

/** Like `slot 2: mapping(address => mapping(bytes32 => bytes32)) _digests`. */
async function layoutOf(path: string): Promise<string[]> {
  const name = path.split('/').at(-1)!
  const source = `contracts/${path}.sol`
  const buildInfo = await artifacts.getBuildInfoId(`${source}:${name}`)
  const { output } = JSON.parse(await readFile((await artifacts.getBuildInfoOutputPath(buildInfo!))!, 'utf8'))
  const { storage, types }: Layout = output.contracts[`project/${source}`][name].storageLayout
  return storage.map(({ slot, type, label }) => `slot ${slot}: ${types[type]!.label} ${label}`)
}

describe('storage layout', () => {
  // Instrumented sources are compiled elsewhere.
  if (globalOptions.coverage) return

  it('is the committed one', async () => {
    const layout: Record<string, string[]> = {}
    for (const contract of CONTRACTS) layout[contract] = await layoutOf(contract)
    if (process.env.UPDATE_STORAGE_LAYOUT) await writeFile(SNAPSHOT, `${JSON.stringify(layout, null, 2)}\n`)
    expect(layout).to.deep.equal(JSON.parse(await readFile(SNAPSHOT, 'utf8')))
  })
})
